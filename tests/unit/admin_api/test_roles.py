"""Which role each built-in service takes: what writes takes an admin, and none can be called with less than it takes."""

from __future__ import annotations

import pytest

from tests.support.admin_services import AdminServices
from zato.common.config.kind import ROLES, Role
from zato.common.exception import Forbidden
from zato.server.admin_api.context import AdminService
from zato.server.security.principal import Principal

#: Where it does not follow from the name.
ROLES_OF: dict[str, Role] = {
    'zato.service.invoke': 'viewer',  # it asks for an operator unless what it invokes is one of these services itself
    'zato.service.cancel': 'operator',
    'zato.config.export': 'viewer',
    'zato.audit-log.event.get-list': 'operator',  # messages of users
    'zato.pubsub.topic.publish': 'operator',  # as who invokes a service, which may publish
    'zato.pubsub.publish.publish': 'operator',
    'zato.pubsub.topic.get-message-list': 'operator',  # messages of users
    'zato.pubsub.queue.get-message-list': 'operator',
    'zato.pubsub.queue.get-message': 'operator',
    'zato.pubsub.dead-letter.get-list': 'operator',
    'zato.pubsub.dead-letter.download': 'operator',
    'zato.pubsub.dead-letter.requeue': 'operator',  # nothing is lost by it, nor by a pause
    'zato.pubsub.dead-letter.requeue-all': 'operator',
    'zato.pubsub.subscription.pause': 'operator',
    'zato.pubsub.subscription.resume': 'operator',
    'zato.log.get-list': 'operator',  # logs have what services write
    'zato.log.read': 'operator',
    'zato.pubsub.pubapi.publish-message': 'operator',
    'zato.pubsub.pubapi.get-messages': 'operator',  # they are gone then
    'zato.pubsub.endpoint.get-messages': 'operator',
    'zato.pubsub.endpoint.acknowledge-delivery': 'operator',
}

#: Whoever reaches them may call them.
FOR_ALL = {
    'zato.ping',
    'pub.zato.ping',
    'zato.helpers.echo',
    'helpers.echo',
    'pub.helpers.echo',
    'zato.security.jwt.log-in',
    'zato.security.jwt.log-out',
    'zato.pubsub.pubapi.topic-service',  # these ask for an endpoint's credentials
    'zato.pubsub.pubapi.subscribe-service',
    'zato.pubsub.pubapi.pull-get',
    'zato.pubsub.pubapi.pull-ack',
    'zato.pubsub.pubapi.pull-nack',
}


def expected(name: str) -> Role:
    operation = name.rpartition('.')[2]
    if name in ROLES_OF:
        return ROLES_OF[name]
    return 'viewer' if operation.startswith('get') else 'operator' if operation == 'ping' else 'admin'


@pytest.fixture(scope='module')
def services() -> AdminServices:
    return AdminServices()


def roles(services: AdminServices) -> dict[str, Role]:
    classes = {name: compiled.cls for name, compiled in services.compiled.items()}
    return {name: cls.role for name, cls in classes.items() if issubclass(cls, AdminService)}


def test_each_admin_service_takes_the_role_that_it_should(services: AdminServices) -> None:
    found = roles(services)
    assert found == {name: expected(name) for name in found}


def test_only_a_few_services_take_none(services: AdminServices) -> None:
    assert services.compiled.keys() - roles(services).keys() == FOR_ALL


def test_whoever_has_a_lower_role_is_refused_before_anything_else(services: AdminServices) -> None:
    for name, role in roles(services).items():
        for lower in ('', *ROLES[: ROLES.index(role)]):
            with pytest.raises(Forbidden, match=f'User `eve` has role {lower or "none"}, and service {name} needs'):
                services.call(name, principal=Principal('eve', lower))  # type: ignore[arg-type]  # one of ROLES
