/* schema.c - the tables of study.db, as the list of steps that lead to them
 *
 * Candidates and benchmarks are stored by name: study.yaml may be reordered, and rows about a name
 * that is no longer declared stay. Scores, costs and observations are only ever added; the newest
 * row about a thing is the current one, the older ones are its history. A score of kind A with
 * benchmark '' is about every benchmark.
 *
 * A released step is never edited. A change of the tables is a new step at the end, and its test.
 */
#include "study/database.h"

static const char *const steps[] = {
    /* 0 -> 1 */
    "CREATE TABLE event ("
    "  id INTEGER PRIMARY KEY,"
    "  time TEXT NOT NULL,"    /* ISO 8601, UTC */
    "  command TEXT NOT NULL," /* 'ask', 'tell', 'import' */
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
};

const ec_migrations ec_study_migrations = {sizeof steps / sizeof steps[0], steps};
