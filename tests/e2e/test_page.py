"""The page, in a real browser: the application as a process of its own, with its own queue, and nothing of AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect

from local.application.store import Store
from local.processes import serving
from local.sinks import MailSink, SmsGateway

TOKEN = "a-token-for-this-test"
HOSTILE = """<script>document.title = "owned"</script> <img src=x onerror="document.title='owned'"> "quotes' & 👩‍🚀"""
PHONE = {"width": 360, "height": 740}


@dataclass
class Application:
    """The application, its database and its providers."""

    url: str
    store: Store
    mails: MailSink
    gateway: SmsGateway


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    folder = tmp_path_factory.mktemp("application")
    store = Store(folder / "application.db")
    store.accept_token(TOKEN)
    with MailSink() as mails, SmsGateway() as gateway:
        arguments = ["--database", str(store.path), "--smtp", "{}:{}".format(*mails.address), "--gateway", gateway.url]
        with serving("local.application", arguments, folder) as ready:
            yield Application(ready["url"], store, mails, gateway)


@dataclass
class Visit:
    """The page in a tab, and whatever its console complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def composes(self, kind: str, recipient: str, body: str, subject: str = "") -> None:
        """Fill in the form as a person would, by its labels, and send it."""
        self.page.get_by_label({"email": "Email", "sms": "SMS"}[kind]).check()
        self.page.get_by_label("Recipient").fill(recipient)
        if kind == "email":
            self.page.get_by_label("Subject").fill(subject)
        self.page.get_by_label("Body").fill(body)
        self.page.get_by_role("button", name="Send").click()

    @property
    def said(self):
        """What was answered to the form."""
        return self.page.get_by_role("status", name="Answer")

    @property
    def news(self):
        """What became of the last that was composed."""
        return self.page.get_by_role("status", name="News")

    def row(self, recipient: str):
        """The newest communication for a recipient."""
        return self.page.get_by_role("row").filter(has_text=recipient).first


@pytest.fixture
def visit(chromium, application):
    page = chromium.new_page(viewport={"width": 1100, "height": 720})
    visit = Visit(page)
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.goto(f"{application.url}/#token={TOKEN}")
    yield visit
    page.close()


def test_an_email_and_an_sms_are_composed_and_become_sent_and_arrive(visit, application):
    visit.composes("email", "ada@customers.example", "Your invoice is ready.", subject="Invoice")
    expect(visit.row("ada@customers.example")).to_contain_text("sent")
    visit.composes("sms", "+46701234567", "Your parcel is on its way.")
    expect(visit.row("+46701234567")).to_contain_text("sent")
    expect(visit.news).to_have_text(re.compile(r"SMS \d+ is sent\."))

    expect(visit.page.get_by_role("table", name="Newest communications")).to_be_visible()
    expect(visit.row("ada@customers.example")).to_have_text(re.compile(r"em-\d+Emailada@customers\.exampleInvoicesent"))
    [mail] = [mail for mail in application.mails.mails if mail.recipient == "ada@customers.example"]
    assert (mail.subject, mail.body) == ("Invoice", "Your invoice is ready.\n")
    [text] = application.gateway.texts
    assert (text.recipient, text.text) == ("+46701234567", "Your parcel is on its way.")
    assert visit.complaints == []


@pytest.mark.parametrize(
    ("kind", "recipient", "words"),
    [
        ("email", "ada", "Recipient must be an email address such as ada@customers.example"),
        ("sms", "0701234567", "Recipient must be a telephone number such as +46701234567"),
        ("email", "", "Recipient must be a text that is not empty"),
    ],
)
def test_a_wrong_recipient_is_told_in_words_at_its_field_and_what_was_written_stays(visit, kind, recipient, words):
    visit.composes(kind, recipient, "Hello", subject="Hello")
    expect(visit.said).to_have_text(words)
    expect(visit.page.get_by_label("Recipient")).to_be_focused()
    expect(visit.page.get_by_label("Recipient")).to_have_attribute("aria-invalid", "true")
    expect(visit.page.get_by_label("Body")).to_have_value("Hello")

    visit.composes(kind, "bo@customers.example" if kind == "email" else "+46701111111", "Hello", subject="Hello")
    expect(visit.said).to_contain_text("is composed")
    expect(visit.page.locator("[aria-invalid]")).to_have_count(0)


def test_hostile_text_is_shown_as_text_and_arrives_as_it_was_written(visit, application):
    visit.composes("email", "eve@customers.example", HOSTILE, subject=HOSTILE)
    expect(visit.row("eve@customers.example")).to_contain_text("sent")
    expect(visit.row("eve@customers.example").locator("small")).to_have_text(HOSTILE)
    assert visit.page.title() == "Communications"
    assert visit.page.locator("td script, td img").count() == 0
    [mail] = [mail for mail in application.mails.mails if mail.recipient == "eve@customers.example"]
    assert (mail.subject, mail.body.strip()) == (HOSTILE, HOSTILE)


def test_what_its_provider_refuses_is_shown_as_failed_with_the_reason(visit, application):
    application.mails.refusals.for_good("gone@customers.example")
    visit.composes("email", "gone@customers.example", "Hello", subject="Hello")
    expect(visit.row("gone@customers.example")).to_contain_text("failed")
    expect(visit.row("gone@customers.example")).to_contain_text("SMTP 550: 5.1.1 No such mailbox")
    expect(visit.news).to_have_text(re.compile(r"Email em-\d+ has failed\."))
    expect(visit.page.get_by_label("How many there are in each state")).to_contain_text("1 failed")


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("", "This page needs a token in its address."),
        ("#token=", "This page needs a token in its address."),
        ("#token=wrong", "The token in this page's address is not valid."),
        ("#token=💥", "The token in this page's address is not valid."),
    ],
)
def test_a_missing_or_wrong_token_is_explained_and_nothing_is_shown(visit, application, fragment, words):
    visit.composes("email", "ada@customers.example", "Hello", subject="Hello")
    expect(visit.row("ada@customers.example")).to_be_visible()
    visit.page.goto("about:blank")
    visit.page.goto(f"{application.url}/{fragment}")
    expect(visit.page.get_by_role("alert")).to_contain_text(words)
    expect(visit.page.get_by_role("alert")).to_contain_text('Open the address that "make demo KEEP=1" prints')
    expect(visit.page.get_by_role("button", name="Send")).to_be_hidden()
    expect(visit.page.locator("#list tr")).to_have_count(0)

    visit.page.evaluate(f"location.hash = 'token={TOKEN}'")
    expect(visit.row("ada@customers.example")).to_be_visible()
    expect(visit.page.get_by_role("alert")).to_be_hidden()


def test_an_application_that_does_not_answer_is_told_until_it_does(visit):
    expect(visit.page.get_by_label("How many there are in each state")).to_contain_text("sent")
    visit.page.route("**/communications?*", lambda route: route.abort())
    expect(visit.page.get_by_role("alert")).to_have_text("The application does not answer. Trying again.")
    visit.page.unroute("**/communications?*")
    expect(visit.page.get_by_role("alert")).to_be_hidden()


def test_it_fits_a_phone_without_scrolling_sideways(visit, application):
    visit.page.set_viewport_size(PHONE)
    application.mails.refusals.for_good(f"{'long' * 12}@customers.example")
    visit.composes("email", f"{'long' * 12}@customers.example", "Hello", subject="W" * 200)
    expect(visit.row("longlong")).to_contain_text("failed")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    boxes = [cell.bounding_box() for cell in visit.page.get_by_role("cell").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)


def test_nothing_but_its_own_script_may_run_and_nothing_else_be_reached(visit, application):
    answer = visit.page.request.get(application.url)
    policy = answer.headers["content-security-policy"]
    assert re.search(r"default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+';", policy)
    assert "connect-src 'self'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?://|\son\w+=|\sstyle=", answer.text())
    assert TOKEN not in answer.text()
