"""scim2-server over users whose type is the email's status."""

from __future__ import annotations

from typing import Any
from wsgiref.simple_server import make_server

from data import PORT, emails
from scim2_models import ScimProvider
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

provider = ScimProvider.from_discovery(
    load_default_schemas().values(),
    load_default_resource_types().values(),
    config=load_default_service_provider_config(),
)
service = ScimService(provider)


class Storage(InMemoryStorage):
    """Its own storage, filled before each search."""

    def search(self, resource_types: Any, search_request: Any, **more: Any) -> Any:
        user = service.get_model(resource_types[0])
        listed = [
            user(id=str(email["id"]), user_name=f"user-{email['id']}", user_type=email["status"])
            for email in emails(None)
        ]
        for each in listed:
            each.meta = {"resourceType": "User"}
        self.resources = listed
        return super().search(resource_types, search_request, **more)


make_server("127.0.0.1", PORT, WSGIApplication(Storage(), provider, service)).serve_forever()
