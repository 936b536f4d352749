"""Django REST framework with its three pagers, the JSON:API adapter's two, Django Ninja and Tastypie, over SQLite."""

from __future__ import annotations

import django
from data import DATABASE, PORT
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATABASE)}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["rest_framework", "ninja", "tastypie"],
    ROOT_URLCONF="__main__",
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
    USE_TZ=True,
)
django.setup()

import waitress  # noqa: E402 (Django's parts want its settings first)
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.urls import include, path  # noqa: E402
from ninja import ModelSchema, NinjaAPI  # noqa: E402
from ninja.pagination import LimitOffsetPagination as NinjaLimitOffset  # noqa: E402
from ninja.pagination import PageNumberPagination as NinjaPageNumber  # noqa: E402
from ninja.pagination import paginate  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402
from rest_framework_json_api.pagination import JsonApiLimitOffsetPagination, JsonApiPageNumberPagination  # noqa: E402
from rest_framework_json_api.renderers import JSONRenderer  # noqa: E402
from tastypie.resources import ModelResource  # noqa: E402


class Email(models.Model):
    """The table that the test fills."""

    id = models.BigIntegerField(primary_key=True)
    status = models.TextField()

    class Meta:
        app_label = "applications"
        db_table = "emails"
        ordering = ("id",)
        managed = False


class EmailSerializer(serializers.ModelSerializer):
    """An email as JSON."""

    class Meta:
        model = Email
        fields = ("id", "status")


class Emails(generics.ListAPIView):
    """A list, paged by what ``as_view`` says."""

    queryset = Email.objects.all()
    serializer_class = EmailSerializer

    def get_queryset(self) -> QuerySet[Email]:
        status = self.request.GET.get("status")
        return Email.objects.filter(status=status) if status else Email.objects.all()


class Pages(pagination.PageNumberPagination):
    page_size, page_size_query_param, max_page_size = 25, "page_size", 100


class Offsets(pagination.LimitOffsetPagination):
    default_limit, max_limit = 25, 100


class Cursors(pagination.CursorPagination):
    page_size, page_size_query_param, max_page_size, ordering = 25, "page_size", 100, "id"


class EmailSchema(ModelSchema):
    class Meta:
        model = Email
        fields = ("id", "status")


ninja = NinjaAPI()


@ninja.get("/offsets", response=list[EmailSchema])
@paginate(NinjaLimitOffset)
def ninja_offsets(request: object, status: str | None = None) -> QuerySet[Email]:
    return Email.objects.filter(status=status) if status else Email.objects.all()


@ninja.get("/pages", response=list[EmailSchema])
@paginate(NinjaPageNumber)
def ninja_pages(request: object, status: str | None = None) -> QuerySet[Email]:
    return Email.objects.filter(status=status) if status else Email.objects.all()


class EmailResource(ModelResource):
    class Meta:
        queryset = Email.objects.all()
        resource_name = "emails"
        filtering = {"status": ("exact",)}  # noqa: RUF012 (Tastypie's own way)
        max_limit = 100


urlpatterns = [
    path("drf/pages", Emails.as_view(pagination_class=Pages)),
    path("drf/offsets", Emails.as_view(pagination_class=Offsets)),
    path("drf/cursors", Emails.as_view(pagination_class=Cursors)),
    path("drf/plain", Emails.as_view(pagination_class=None)),
    path(
        "json-api/pages", Emails.as_view(pagination_class=JsonApiPageNumberPagination, renderer_classes=[JSONRenderer])
    ),
    path(
        "json-api/offsets",
        Emails.as_view(pagination_class=JsonApiLimitOffsetPagination, renderer_classes=[JSONRenderer]),
    ),
    path("ninja/", ninja.urls),
    path("tastypie/", include(EmailResource().urls)),
]

waitress.serve(get_wsgi_application(), host="127.0.0.1", port=PORT, threads=4)
