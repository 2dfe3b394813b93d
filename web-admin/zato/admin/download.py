"""What browsers save as a file."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def as_file(content: str | bytes, name: str, content_type: str = 'text/plain; charset=utf-8') -> HttpResponse:
    """name: any text, of which a file's name is made that is one line."""
    printable = ''.join(character if character.isprintable() else '_' for character in name)
    disposition = content_disposition_header(as_attachment=True, filename=printable)
    return HttpResponse(content, content_type=content_type, headers={'Content-Disposition': str(disposition)})
