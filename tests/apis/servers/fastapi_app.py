"""fastapi-pagination with its pagers over SQLite, and GraphQL by Strawberry."""

from __future__ import annotations

import strawberry
import uvicorn
from data import DATABASE, PORT, emails
from fastapi import FastAPI
from fastapi_pagination import LimitOffsetPage, Page, add_pagination
from fastapi_pagination.cursor import CursorPage
from fastapi_pagination.ext.sqlalchemy import paginate
from fastapi_pagination.links import LimitOffsetPage as LinkedLimitOffsetPage
from fastapi_pagination.links import Page as LinkedPage
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from strawberry.fastapi import GraphQLRouter

engine = create_engine(f"sqlite:///{DATABASE}")
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Email(Base):
    __tablename__ = "emails"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]


class EmailOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    status: str


def found(status: str | None) -> Select[tuple[Email]]:
    query = select(Email).order_by(Email.id)
    return query.where(Email.status == status) if status else query


def serve(path: str, page: type[BaseModel]) -> None:
    @app.get(path, response_model=page)
    def listed(status: str | None = None) -> object:
        with Session(engine) as session:
            return paginate(session, found(status))


for path, page in {
    "/pages": Page,
    "/offsets": LimitOffsetPage,
    "/cursors": CursorPage,
    "/links/pages": LinkedPage,
    "/links/offsets": LinkedLimitOffsetPage,
}.items():
    serve(path, page[EmailOut])
add_pagination(app)


@strawberry.type
class Message:
    id: strawberry.ID
    status: str


@strawberry.type
class PageInfo:
    has_next_page: bool


@strawberry.type
class RelayConnection:
    nodes: list[Message]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    def emails(self, status: str | None = None, first: int = 10) -> RelayConnection:
        listed = emails(status)
        nodes = [Message(id=strawberry.ID(str(each["id"])), status=each["status"]) for each in listed[:first]]
        return RelayConnection(nodes=nodes, page_info=PageInfo(has_next_page=len(listed) > first))


app.include_router(GraphQLRouter(strawberry.Schema(Query)), prefix="/graphql")
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
