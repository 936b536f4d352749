-- One row per email or SMS. `sent` is 0 until a provider has accepted it.
CREATE TABLE communication (
    number    INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,              -- emails: em-1001; SMS: their number
    kind      TEXT    NOT NULL CHECK (kind IN ('email', 'sms')),
    recipient TEXT    NOT NULL,
    subject   TEXT,
    body      TEXT    NOT NULL,
    created   TEXT    NOT NULL,                     -- UTC, RFC 3339: sorts as text
    sent      INTEGER NOT NULL DEFAULT 0,
    status    TEXT    NOT NULL DEFAULT 'composed' CHECK (status IN ('composed', 'queued', 'sent', 'failed')),
    reason    TEXT,                                 -- why it failed
    trouble   TEXT,                                 -- what goes wrong with it: see trouble.py
    enqueued  INTEGER NOT NULL DEFAULT 0,           -- how often it was really put in the queue by the API
    delivered INTEGER NOT NULL DEFAULT 0,           -- how often a provider really accepted it
    provider_said TEXT,                             -- its provider's last answer, if that did not take it
    claimed_until REAL NOT NULL DEFAULT 0           -- Unix time until which one request is sending it
);
CREATE INDEX communication_status ON communication (kind, status, number);

-- The application's own queue: what is in here, a worker has still to send. With the delivery queue it is an outbox:
-- what is in here has still to get there.
CREATE TABLE queue (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL REFERENCES communication (id),
    operation  TEXT    NOT NULL,
    created_by TEXT    NOT NULL,
    created    TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due        REAL    NOT NULL DEFAULT 0           -- Unix time before which no worker takes it
);

-- What was answered to an idempotency key: asked again, the same is answered and nothing is done.
CREATE TABLE answer (
    key    TEXT PRIMARY KEY,
    status INTEGER NOT NULL,
    body   TEXT NOT NULL
);

-- Hashes of the tokens the API accepts.
CREATE TABLE token (
    sha256 TEXT PRIMARY KEY
);
