/* attempts.h - what the loop keeps of a candidate in STUDY/runs/; the layout is in loop.h */
#ifndef EC_STUDY_ATTEMPTS_H
#define EC_STUDY_ATTEMPTS_H

#include "base/process.h"
#include "base/text.h"

/* Adds the name of a folder for a candidate: itself, but '/', '%' and a leading '.' as %2F, %25,
 * %2E. */
void ec_attempts_folder_name(ec_text *to, const char *candidate);
/* The candidate that a folder is named for, owned; NULL: not such a name, or out of memory. */
char *ec_attempts_folder_candidate(const char *folder_name);

/* How far a candidate is, by its files. */
typedef struct ec_attempts {
    size_t n; /* highest attempt there is; 0: not begun */
    /* Commands that failed since it was last begun anew, and evaluations whose results are not
     * told; what was stopped is not among them. */
    size_t n_failed;
    bool trained;           /* the last training ended well, and {out} is still there */
    size_t evaluated;       /* the last attempt whose evaluation ended well; 0: none */
    double evaluated_since; /* when that evaluation began; seconds since 1970 */
    bool can_train;         /* attempt n has no command begun: it can take one */
    bool can_evaluate;      /* attempt n has no evaluation begun */
    bool gave_up;
    double seconds; /* that all commands took which ended */
} ec_attempts;

/* Reads the state from the folder of a candidate; a folder that is not there is not begun. */
ec_status ec_attempts_read(ec_attempts *out, const char *folder, ec_error *err);

/* Makes the folder of the attempt after state->n, and counts it. */
ec_status ec_attempts_begin(ec_attempts *state, const char *folder, ec_error *err);

/* Writes down that the candidate is given up, and why. */
ec_status ec_attempts_give_up(const char *folder, const char *why, ec_error *err);
/* Why, as it was written down; data NULL: nothing to read. The caller releases. */
ec_text ec_attempts_why_given_up(const char *folder);
/* Takes that back: what failed so far does not count any more. */
ec_status ec_attempts_begin_anew(const char *folder, ec_error *err);
/* What was evaluated so far is not to be told: its results were withdrawn. */
ec_status ec_attempts_evaluate_anew(const char *folder, ec_error *err);

/* A folder, made where it is missing. */
ec_status ec_attempts_make_folder(const char *path, ec_error *err);

/* Locks the file `.lock` in a folder, which is made where it is missing. *fd is -1 when somebody
 * else holds it. Waits for it where `wait`. */
ec_status ec_attempts_lock(int *fd, const char *folder, bool wait, ec_error *err);
void ec_attempts_unlock(int fd);
/* Lets go of it, and leaves it to the command that has the descriptor too, until that ends. */
void ec_attempts_leave_lock(int *fd);
/* Whether a process holds it; makes nothing. */
bool ec_attempts_is_locked(const char *folder);

#endif
