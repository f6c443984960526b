/* progress.c - see progress.h */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { SECONDS_BETWEEN_LINES = 30, DURATION_SIZE = 32, ONE_INTERRUPT_MS = 500 };

static _Atomic int64_t interrupted_ms; /* on the monotonic clock; 0: not interrupted */
static atomic_int interrupted_by;

/* `timeout --signal=INT` sends the signal to the process and then to its group, so the process
 * gets it twice for one wish: only a later one means that somebody does not want to wait. Another
 * signal does not mean that: Slurm announces the end with one and brings it about with the next. */
static void on_interrupt(int signal_number) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
    int64_t first_ms = 0;
    if (atomic_compare_exchange_strong(&interrupted_ms, &first_ms, now_ms)) {
        interrupted_by = signal_number;
        return;
    }
    if (now_ms - first_ms < ONE_INTERRUPT_MS || signal_number != interrupted_by) return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void progress_start(progress *p) {
    *p = (progress){.terminal = isatty(STDERR_FILENO)};
    clock_gettime(CLOCK_MONOTONIC, &p->start);
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, &p->before);
}

void progress_line_end(progress *p) {
    if (p->open) fputc('\n', stderr);
    p->open = false;
}

void progress_end(progress *p) {
    sigaction(SIGINT, &p->before, NULL);
    progress_line_end(p);
}

bool progress_interrupted(void) {
    return interrupted_ms != 0;
}

static bool goes_on(void *context) {
    (void)context;
    return !progress_interrupted();
}

ec_watch progress_watch(void) {
    return (ec_watch){.goes_on = goes_on};
}

double progress_seconds(const progress *p) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - p->start.tv_sec) + 1e-9 * (double)(now.tv_nsec - p->start.tv_nsec);
}

void progress_line(progress *p, bool last, const char *format, ...) {
    const double now = progress_seconds(p);
    if (!p->terminal && !last && now - p->last < SECONDS_BETWEEN_LINES) return;
    p->last = now;
    va_list args;
    va_start(args, format);
    if (p->terminal) fputs("\r\033[K", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    p->open = p->terminal && !last;
    if (!p->open) fputc('\n', stderr);
}

void progress_note(progress *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%seyechart: ", p->open ? "\r\033[K" : "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    p->open = false;
}

const char *progress_duration(char *buffer, double seconds) {
    const long s = (long)(seconds + 0.5);
    if (s < 60) {
        snprintf(buffer, DURATION_SIZE, "%ld s", s);
    } else if (s < 3600) {
        snprintf(buffer, DURATION_SIZE, "%ld min %ld s", s / 60, s % 60);
    } else {
        snprintf(buffer, DURATION_SIZE, "%ld h %ld min", s / 3600, s / 60 % 60);
    }
    return buffer;
}
