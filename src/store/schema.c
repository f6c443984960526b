/* schema.c - the tables of study.db, as the list of steps that lead to them
 *
 * Candidates and benchmarks are stored by name: study.yaml may be reordered, and rows about a name
 * that is no longer declared stay. Scores, costs and observations are only ever added; the newest
 * row about a thing is the current one, the older ones are its history. A score of kind A with
 * benchmark '' is about every benchmark. Tables of steps 3 and 4 are a memory: rows about what
 * nobody asks for any more stay, and are found again should it come back.
 *
 * A released step is never edited. A change of the tables is a new step at the end, and its test.
 */
#include "store/database.h"

static const char *const steps[] = {
    /* 0 -> 1 */
    "CREATE TABLE event ("
    "  id INTEGER PRIMARY KEY,"
    "  time TEXT NOT NULL,"    /* ISO 8601, UTC */
    "  command TEXT NOT NULL," /* 'ask', 'tell', 'withdraw', 'import', 'score', 'run' */
    "  version TEXT NOT NULL," /* of eyechart */
    "  worker TEXT,"
    "  source TEXT"
    ") STRICT;"
    "CREATE TABLE score ("
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  kind TEXT NOT NULL CHECK (kind IN ('A', 'C')),"
    "  benchmark TEXT NOT NULL,"
    "  value REAL NOT NULL,"
    "  se REAL"
    ") STRICT;"
    "CREATE TABLE cost ("
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  kind TEXT NOT NULL CHECK (kind IN ('expected', 'recorded')),"
    "  hours REAL NOT NULL"
    ") STRICT;"
    "CREATE TABLE observation ("
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  benchmark TEXT NOT NULL,"
    "  value REAL NOT NULL"
    ") STRICT;"
    "CREATE TABLE question ("
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  worker TEXT NOT NULL,"
    "  expires REAL NOT NULL," /* seconds since 1970 */
    "  state TEXT NOT NULL CHECK (state IN ('pending', 'answered', 'expired')),"
    "  reason TEXT NOT NULL"
    ") STRICT;"
    /* Whatever the program does, nobody is asked for what somebody else is training. */
    "CREATE UNIQUE INDEX question_pending ON question (candidate) WHERE state = 'pending';",

    /* 1 -> 2: columns beside A and C; benchmark '' is for every benchmark */
    "CREATE TABLE extra ("
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  benchmark TEXT NOT NULL,"
    "  value REAL NOT NULL,"
    "  se REAL"
    ") STRICT;"
    "CREATE INDEX extra_of ON extra (candidate, name, benchmark);",

    /* 2 -> 3: what `score` computed, each under the hash of all that decides it */
    "CREATE TABLE file ("      /* the content of a file when it was last read */
    "  path TEXT PRIMARY KEY," /* absolute */
    "  size_bytes INTEGER NOT NULL,"
    "  mtime_ns INTEGER NOT NULL,"
    "  inode INTEGER NOT NULL,"
    "  hash TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE identity (" /* of an encoder or connector whose files looked like this */
    "  signature TEXT PRIMARY KEY,"
    "  facts TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE chosen (" /* images of a benchmark that A looks at */
    "  benchmark TEXT NOT NULL,"
    "  place INTEGER NOT NULL," /* from 0, in the order of choosing */
    "  path TEXT NOT NULL,"
    "  image TEXT NOT NULL," /* hash of the file */
    "  PRIMARY KEY (benchmark, place)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE computation ("
    "  id INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL CHECK (kind IN ('A', 'C')),"
    "  description TEXT NOT NULL" /* in words, of whoever asked first */
    ") STRICT;"
    "CREATE TABLE correspondence ("
    "  computation INTEGER NOT NULL REFERENCES computation (id),"
    "  category TEXT NOT NULL," /* hash of its keypoints and images */
    "  pairs BLOB NOT NULL,"    /* docs/formats.md */
    "  PRIMARY KEY (computation, category)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE alignment ("
    "  computation INTEGER NOT NULL REFERENCES computation (id),"
    "  image TEXT NOT NULL,"
    "  value REAL NOT NULL,"
    "  PRIMARY KEY (computation, image)"
    ") STRICT, WITHOUT ROWID;",

    /* 3 -> 4: numbers without labels */
    "CREATE TABLE pooled ("    /* the tokens of an image under an encoder, in short */
    "  encoder TEXT NOT NULL," /* hash of all that decides its features */
    "  image TEXT NOT NULL,"   /* hash of the file */
    "  norm REAL NOT NULL,"
    "  norm_cv REAL NOT NULL,"
    "  norm_outliers REAL NOT NULL,"
    "  mean BLOB NOT NULL," /* float32, little-endian */
    "  PRIMARY KEY (encoder, image)"
    ") STRICT;"
    "CREATE TABLE measure ("
    "  key TEXT NOT NULL," /* hash of encoders, of those compared with, and of the images */
    "  name TEXT NOT NULL,"
    "  value REAL," /* null: these images cannot tell */
    "  PRIMARY KEY (key, name)"
    ") STRICT, WITHOUT ROWID;",

    /* 4 -> 5: a score can be lost: what is told no longer; the value is what was known */
    "ALTER TABLE score ADD COLUMN lost INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1));"
    "ALTER TABLE extra ADD COLUMN lost INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1));",

    /* 5 -> 6: results have errors and repeats and can be withdrawn, candidates can fail */
    "ALTER TABLE observation ADD COLUMN se REAL;" /* null: not given */
    /* 'value' is in the place of all before it about the same candidate and benchmark, 'repeat'
     * stands beside them, 'withdrawn' takes them back; the value of that one is what was known */
    "ALTER TABLE observation ADD COLUMN kind TEXT NOT NULL DEFAULT 'value'"
    "  CHECK (kind IN ('value', 'repeat', 'withdrawn'));"
    "ALTER TABLE question ADD COLUMN answer INTEGER REFERENCES event (id);" /* null: none, or old */
    "CREATE TABLE failure (" /* the newest row about a candidate counts */
    "  id INTEGER PRIMARY KEY,"
    "  event INTEGER NOT NULL REFERENCES event (id),"
    "  candidate TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN ('failed', 'withdrawn')),"
    "  hours REAL," /* GPU-hours that it took; null: not recorded here */
    "  why TEXT NOT NULL"
    ") STRICT;",
};

const ec_migrations ec_study_migrations = {sizeof steps / sizeof steps[0], steps};
