-- What each oracle is: every setting that shapes an answer, as JSON.
CREATE TABLE IF NOT EXISTS fingerprints (
    fingerprint TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS responses (
    fingerprint TEXT NOT NULL REFERENCES fingerprints,
    prompt_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    answer TEXT NOT NULL,
    finish_reason TEXT NOT NULL CHECK (finish_reason IN ('stop', 'length', 'content_filter', 'refusal')),
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (fingerprint, prompt_id, sample_index)
) WITHOUT ROWID;

-- The ledger: one row an HTTP request. outcome is NULL while it is in flight, and for good if the process was
-- killed then; cost is NULL where it is not known, and the reserved amount is then the most it can have been.
-- served is the server's own name of the model that answered: it tells when an alias moves.
CREATE TABLE IF NOT EXISTS requests (
    request INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL REFERENCES fingerprints,
    prompt_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    began REAL NOT NULL,
    reserved REAL NOT NULL,
    outcome TEXT,
    prompt_tokens INTEGER,
    answer_tokens INTEGER,
    cost REAL,
    served TEXT
);
