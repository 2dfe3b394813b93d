"""The files that each server deploys services from, and what came of them."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.admin.services.files import away, files_of

_ASKED = 'zato.service.get-deployment-list'


@page('viewer')
def show_deployments(request: Request) -> HttpResponseBase:
    answers = request.zato.each(_ASKED)
    return render(request, 'zato/services/deployments.html', {'files': files_of(answers), 'away': away(answers)})


@page('viewer', is_polled=True)
def show_problems(request: Request) -> HttpResponseBase:
    """The part of the list of services that says what is wrong with deployments."""
    answers = request.zato.each(_ASKED)
    files = files_of(answers)
    context = {'files': [file for file in files if file.is_problem], 'away': away(answers)}
    return render(request, 'zato/services/deployment_problems.html', context)
