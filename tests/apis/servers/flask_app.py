"""flask-smorest, which says in a header X-Pagination how a list goes on, and Flask-RESTful, which gives all of it."""

from __future__ import annotations

from typing import Any

import waitress
from data import PORT, emails
from flask import Flask, request
from flask.views import MethodView
from flask_restful import Api as PlainApi
from flask_restful import Resource
from flask_smorest import Api, Blueprint, Page
from marshmallow import Schema, fields

app = Flask(__name__)
app.config.update(API_TITLE="emails", API_VERSION="1", OPENAPI_VERSION="3.0.2")
blueprint = Blueprint("emails", "emails")


class EmailSchema(Schema):
    id = fields.Integer()
    status = fields.String()


class Filters(Schema):
    status = fields.String(load_default=None)


class ListPage(Page):
    @property
    def item_count(self) -> int:
        return len(self.collection)


@blueprint.route("/pages")
class Emails(MethodView):
    @blueprint.arguments(Filters, location="query")
    @blueprint.response(200, EmailSchema(many=True))
    @blueprint.paginate(ListPage, page_size=25, max_page_size=100)
    def get(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        return emails(filters["status"])


class AllEmails(Resource):
    def get(self) -> list[dict[str, Any]]:
        return emails(request.args.get("status"))


Api(app).register_blueprint(blueprint)
PlainApi(app).add_resource(AllEmails, "/plain")
waitress.serve(app, host="127.0.0.1", port=PORT, threads=4)
