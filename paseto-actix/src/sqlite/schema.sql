CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO settings VALUES ('checks', 0), ('last_number', 0), ('revocations', 0), ('token_families', 0);

-- `number` increases with each write, so a process finds the rows that other processes have written.
CREATE TABLE revocations (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    expires INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    except_id BLOB,
    checksum INTEGER NOT NULL,
    expires_at TEXT GENERATED ALWAYS AS (datetime(expires / 1000000, 'unixepoch')) VIRTUAL
) STRICT;

CREATE INDEX revocations_by_expiry ON revocations (expires);

CREATE TRIGGER revocation_added AFTER INSERT ON revocations BEGIN
    UPDATE settings SET value = value + 1 WHERE name = 'revocations';
END;

CREATE TRIGGER revocation_removed AFTER DELETE ON revocations BEGIN
    UPDATE settings SET value = value - 1 WHERE name = 'revocations';
END;

-- `number` is the order of the logins.
CREATE TABLE token_families (
    number INTEGER PRIMARY KEY,
    owner BLOB NOT NULL,
    id BLOB NOT NULL,
    current BLOB NOT NULL,
    previous BLOB,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    label TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    created_at TEXT GENERATED ALWAYS AS (datetime(created / 1000000, 'unixepoch')) VIRTUAL,
    used_at TEXT GENERATED ALWAYS AS (datetime(used / 1000000, 'unixepoch')) VIRTUAL,
    expires_at TEXT GENERATED ALWAYS AS (datetime(expires / 1000000, 'unixepoch')) VIRTUAL,
    UNIQUE (owner, id)
) STRICT;

CREATE INDEX token_families_by_expiry ON token_families (expires);

CREATE TRIGGER token_family_added AFTER INSERT ON token_families BEGIN
    UPDATE settings SET value = value + 1 WHERE name = 'token_families';
END;

CREATE TRIGGER token_family_removed AFTER DELETE ON token_families BEGIN
    UPDATE settings SET value = value - 1 WHERE name = 'token_families';
END;
