/* progress.h - long work: a line that says how far it is, and Ctrl-C
 *
 * On a terminal the line rewrites itself; elsewhere there is a line now and then. Progress goes to
 * standard error.
 */
#ifndef EC_CLI_PROGRESS_H
#define EC_CLI_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "eyechart/status.h"

enum { EXIT_INTERRUPTED = 130 };

typedef struct progress {
    bool terminal;
    bool open; /* the line on the terminal has not ended */
    struct timespec start;
    double last; /* seconds after the start of the line before */
    struct sigaction before;
} progress;

/* From here on the first Ctrl-C is noted, and a second, half a second later or more, ends the
 * program. Calls that wait are restarted: an image whose reading was interrupted is not a bad
 * image. */
void progress_start(progress *p);
/* Ends the line and gives Ctrl-C back. */
void progress_end(progress *p);
/* Ends the line alone, for work that goes on in silence. */
void progress_line_end(progress *p);
bool progress_interrupted(void);
/* The same for what the library reads for long. */
ec_watch progress_watch(void);

double progress_seconds(const progress *p); /* since the start */
/* Says how far the work is; `last` is always printed. */
void progress_line(progress *p, bool last, const char *format, ...) EC_PRINTF(3, 4);
/* Something to say in between: begins a new line, after "eyechart: ". */
void progress_note(progress *p, const char *format, ...) EC_PRINTF(2, 3);
/* "47 s", "3 min 10 s", "2 h 5 min" into buffer [32]. Returns buffer. */
const char *progress_duration(char *buffer, double seconds);

#endif
