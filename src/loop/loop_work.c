/* loop_work.c - one candidate: train, evaluate, tell
 *
 * What is done next follows from the files alone, so that going on after a kill is the same code as
 * going on after a retry:
 *
 *     an evaluation ended well      read its results and tell
 *     too many commands failed      give up
 *     a training ended well         evaluate
 *     else                          train
 *
 * A command that was stopped is none that failed. Together with the run (base/process.h), the run
 * ends and the next one goes on. Alone, by a signal that somebody sent to it, it is begun again at
 * once; but if that happens MAX_STOPPED times in a row the run ends too, since somebody seems to
 * want it, or the command ends itself so.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "eyechart/asking.h"
#include "loop/loop_internal.h"
#include "sheet/names.h"

enum { MAX_STOPPED = 3 };

/* ---- placeholders --------------------------------------------------------------------------- */

typedef struct {
    const char *values[EC_PLACES];
    ec_text out, attempt;
} places;

static void release_places(places *p) {
    ec_text_release(&p->out);
    ec_text_release(&p->attempt);
}

static ec_status fill_places(places *p, const ec_loop *l, size_t i, const char *folder,
                             size_t attempt) {
    const ec_declaration *d = &l->study->declared;
    *p = (places){0};
    ec_text_format(&p->out, "%s/out", folder);
    ec_text_format(&p->attempt, "%s/%zu", folder, attempt);
    if (p->out.failed || p->attempt.failed) {
        release_places(p);
        return ec_no_memory(l->study->path, l->err);
    }
    p->values[EC_PLACE_CANDIDATE] = l->study->candidates[i].name;
    p->values[EC_PLACE_OUT] = p->out.data;
    p->values[EC_PLACE_ATTEMPT] = p->attempt.data;
    p->values[EC_PLACE_STUDY] = l->root;
    p->values[EC_PLACE_BENCHMARKS] = l->benchmarks;
    p->values[EC_PLACE_TASKS] = l->tasks;
    p->values[EC_PLACE_ENCODER] = i < d->n_origins ? d->origins[i].encoder : NULL;
    p->values[EC_PLACE_CONNECTOR] = i < d->n_origins ? d->origins[i].connector : NULL;
    return EC_OK;
}

static ec_status fill_command(char **out, const ec_loop *l, const places *p, bool evaluate) {
    ec_text line = {0};
    const ec_status status = ec_command_fill(&line, evaluate ? l->run->evaluate : l->run->train,
                                             p->values, evaluate ? "evaluate" : "train", l->err);
    if (status != EC_OK) ec_text_release(&line);
    *out = line.data;
    return status;
}

ec_status ec_loop_command_line(char **out, const ec_loop *l, size_t candidate, const char *folder,
                               size_t attempt, bool evaluate) {
    places p;
    *out = NULL;
    ec_status status = fill_places(&p, l, candidate, folder, attempt);
    if (status == EC_OK) status = fill_command(out, l, &p, evaluate);
    release_places(&p);
    return status;
}

ec_status ec_loop_check_commands(const ec_loop *l) {
    const char *const commands[] = {l->run->train, l->run->evaluate};
    static const char *const keys[] = {"train", "evaluate"};
    for (int k = 0; k < 2; k++) {
        if (!ec_command_is_given(commands[k]))
            return ec_fail(l->err, EC_ERR_ARG,
                           "%s: study.yaml does not say how to %s a candidate; add '%s: COMMAND' "
                           "under 'run:', or finetune by hand with 'eyechart ask' and 'tell'",
                           l->study->path, k == 0 ? "finetune" : "evaluate", keys[k]);
        const ec_status status = ec_command_check_placeholders(commands[k], keys[k], l->err);
        if (status != EC_OK) return status;
    }
    ec_status status = EC_OK;
    if (l->run->trained != NULL)
        status = ec_command_check_placeholders(l->run->trained, "trained", l->err);
    if (status == EC_OK && l->run->results != NULL)
        status = ec_command_check_placeholders(l->run->results, "results", l->err);
    return status;
}

/* ---- files ---------------------------------------------------------------------------------- */

static ec_status path_of(char **out, const ec_loop *l, const char *folder, size_t attempt,
                         const char *name) {
    ec_text path = {0};
    if (attempt > 0)
        ec_text_format(&path, "%s/%zu/%s", folder, attempt, name);
    else
        ec_text_format(&path, "%s/%s", folder, name);
    *out = path.data;
    if (!path.failed) return EC_OK;
    ec_text_release(&path);
    *out = NULL;
    return ec_no_memory(l->study->path, l->err);
}

/* The last bytes of a file, at most `limit`: what a command says last is what counts. */
static ec_status read_tail(ec_text *out, const ec_loop *l, const char *path, size_t limit) {
    *out = (ec_text){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ec_fail(l->err, EC_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    if (fstat(fd, &info) == 0 && info.st_size > (off_t)limit)
        lseek(fd, info.st_size - (off_t)limit, SEEK_SET);
    char buffer[65536];
    ssize_t n = 0;
    while (out->size_bytes < limit &&
           ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0) ec_text_add_bytes(out, buffer, (size_t)n);
    const int read_errno = errno;
    close(fd);
    ec_text_add_bytes(out, "", 0);
    if (n >= 0 && !out->failed) return EC_OK;
    const bool failed = out->failed;
    ec_text_release(out);
    return failed ? ec_no_memory(l->study->path, l->err)
                  : ec_fail(l->err, EC_ERR_IO, "%s: cannot read: %s", path, strerror(read_errno));
}

/* The last line of a log that says something, for a message; "" when there is none. */
static void last_line(char *to, size_t size, const ec_loop *l, const char *path) {
    ec_text tail;
    to[0] = '\0';
    if (read_tail(&tail, l, path, 4096) != EC_OK) return;
    size_t end = tail.size_bytes;
    while (end > 0 && strchr(" \t\r\n", tail.data[end - 1]) != NULL) end--;
    size_t begin = end;
    while (begin > 0 && tail.data[begin - 1] != '\n' && tail.data[begin - 1] != '\r') begin--;
    tail.data[end] = '\0';
    ec_name_cut(to, size, tail.data + begin);
    ec_text_release(&tail);
}

/* ---- a command ------------------------------------------------------------------------------ */

typedef struct {
    ec_loop *loop;
    size_t candidate, attempt;
    const char *log;
    struct timespec begun, renewed;
} ticking;

static double since(const struct timespec *then) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

static bool tick(void *context) {
    ticking *t = context;
    const double lease_s = 3600.0 * t->loop->study->declared.lease_hours;
    if (since(&t->renewed) > fmin(600.0, lease_s / 4.0)) {
        ec_loop_renew(t->loop, t->candidate);
        clock_gettime(CLOCK_MONOTONIC, &t->renewed);
    }
    ec_loop_say(t->loop, (ec_loop_event){.step = EC_LOOP_TICK,
                                         .candidate = t->candidate,
                                         .attempt = t->attempt,
                                         .seconds = since(&t->begun),
                                         .text = "",
                                         .file = t->log});
    return !t->loop->stopped;
}

static double limit_s(const ec_loop *l, bool evaluate) {
    const double hours = evaluate ? l->run->evaluate_timeout_hours : l->run->train_timeout_hours;
    return isfinite(hours) ? 3600.0 * hours : 0.0;
}

/* Where the streams of a command go, and its end. */
typedef struct {
    char *out, *log, *end;
} stream_paths;

static void release_streams(stream_paths *s) {
    free(s->out);
    free(s->log);
    free(s->end);
}

/* Of an evaluation, standard output holds results, and stands alone. */
static ec_status name_streams(stream_paths *s, const ec_loop *l, const ec_loop_job *job,
                              bool evaluate) {
    const size_t attempt = job->state.n;
    *s = (stream_paths){0};
    ec_status status =
        path_of(&s->out, l, job->folder, attempt, evaluate ? "evaluate.out" : "train.log");
    if (status == EC_OK)
        status = path_of(&s->log, l, job->folder, attempt, evaluate ? "evaluate.log" : "train.log");
    if (status == EC_OK)
        status = path_of(&s->end, l, job->folder, attempt, evaluate ? "evaluate.end" : "train.end");
    return status;
}

/* Where `trained:` says that a training leaves something at its end; NULL: nowhere. Owned. */
static ec_status name_trained(char **out, const ec_loop *l, const places *p) {
    ec_text path = {0}, relative = {0};
    *out = NULL;
    if (l->run->trained == NULL) return EC_OK;
    ec_status status =
        ec_command_fill_path(&relative, l->run->trained, p->values, "trained", l->err);
    if (status == EC_OK && relative.data[0] != '/') ec_text_format(&path, "%s/", l->root);
    if (status == EC_OK) ec_text_add(&path, relative.data);
    ec_text_release(&relative);
    if (status == EC_OK && path.failed) status = ec_no_memory(l->study->path, l->err);
    if (status != EC_OK) ec_text_release(&path);
    *out = path.data;
    return status;
}

static ec_status start(ec_process_end *end, ec_loop *l, const ec_loop_job *job,
                       const stream_paths *s, const places *p, bool evaluate) {
    char *line, *trained = NULL;
    ec_status status = fill_command(&line, l, p, evaluate);
    if (status == EC_OK && !evaluate) status = name_trained(&trained, l, p);
    if (status != EC_OK) {
        free(line);
        return status;
    }
    char **environment = ec_command_environment(p->values);
    if (environment == NULL) status = ec_no_memory(l->study->path, l->err);
    if (status == EC_OK) status = ec_attempts_make_folder(p->values[EC_PLACE_OUT], l->err);
    if (status == EC_OK) {
        ec_loop_say(l, (ec_loop_event){.step = evaluate ? EC_LOOP_EVALUATING : EC_LOOP_TRAINING,
                                       .candidate = job->candidate,
                                       .attempt = job->state.n,
                                       .text = line,
                                       .file = s->log});
        ec_loop_renew(l, job->candidate);
        ticking t = {
            .loop = l, .candidate = job->candidate, .attempt = job->state.n, .log = s->log};
        clock_gettime(CLOCK_MONOTONIC, &t.begun);
        t.renewed = t.begun;
        const ec_process_spec spec = {.command = line,
                                      .folder = l->root,
                                      .environment = (const char *const *)environment,
                                      .out_path = s->out,
                                      .log_path = s->log,
                                      .end_path = s->end,
                                      .needs_path = trained,
                                      .lock_fd = job->lock,
                                      .timeout_s = limit_s(l, evaluate),
                                      .grace_s = l->run->grace_seconds};
        status = ec_process_run(end, &spec, tick, &t, l->err);
    }
    ec_command_environment_free(environment);
    free(trained);
    free(line);
    return status;
}

static bool went_well(const ec_process_end *end) {
    return end->how == EC_PROCESS_EXITED && end->code == 0;
}

/* How a command ended that did not end well, for a message. */
static void describe_end(char *why, size_t why_size, const ec_loop *l, const ec_process_end *end,
                         const char *log, bool evaluate) {
    char words[EC_PROCESS_WORDS_SIZE], line[200];
    ec_process_end_words(words, end);
    last_line(line, sizeof line, l, log);
    snprintf(why, why_size, "%s %s%s%s%s%s", evaluate ? "the evaluation" : "the training", words,
             end->how == EC_PROCESS_UNFINISHED
                 ? ": it did not leave the file that 'trained:' in study.yaml names"
                 : "",
             line[0] != '\0' ? "; its log ends with '" : "", line, line[0] != '\0' ? "'" : "");
}

/* Runs the next command of the candidate. `why` receives how it ended, "" when it ended well;
 * *stopped is true when it ended because somebody asked it to, and not for a fault of its own. */
static ec_status run_command(char *why, size_t why_size, bool *stopped, ec_loop *l,
                             ec_loop_job *job, bool evaluate) {
    places p;
    stream_paths s = {0};
    ec_process_end end = {0};
    why[0] = '\0';
    *stopped = false;
    ec_status status = fill_places(&p, l, job->candidate, job->folder, job->state.n);
    if (status != EC_OK) return status;
    status = name_streams(&s, l, job, evaluate);
    if (status == EC_OK) status = start(&end, l, job, &s, &p, evaluate);
    if (end.how == EC_PROCESS_LOST) ec_attempts_leave_lock(&job->lock);
    if (status == EC_OK) {
        char words[EC_PROCESS_WORDS_SIZE];
        ec_process_end_words(words, &end);
        ec_loop_say(l, (ec_loop_event){.step = EC_LOOP_ENDED,
                                       .candidate = job->candidate,
                                       .attempt = job->state.n,
                                       .seconds = end.seconds,
                                       .text = went_well(&end) ? "ended well" : words,
                                       .file = s.log});
        if (!went_well(&end)) describe_end(why, why_size, l, &end, s.log, evaluate);
        *stopped = ec_process_was_stopped(&end);
        if (end.how == EC_PROCESS_STOPPED) l->stopped = true; /* whoever did it */
    }
    release_streams(&s);
    release_places(&p);
    return status;
}

/* ---- results -------------------------------------------------------------------------------- */

/* The pattern that `results:` is, for glob(); a relative one begins at the folder of the study. */
static ec_status results_pattern(ec_text *out, const ec_loop *l, const places *p) {
    static const char *const study = "{study}/";
    ec_text relative = {0};
    *out = (ec_text){0};
    ec_status status = ec_command_fill_pattern(&relative, l->run->results, p->values, l->err);
    if (status == EC_OK && relative.data[0] != '/')
        status = ec_command_fill_pattern(out, study, p->values, l->err);
    if (status == EC_OK) ec_text_add(out, relative.data);
    ec_text_release(&relative);
    if (status == EC_OK && out->failed) status = ec_no_memory(l->study->path, l->err);
    if (status != EC_OK) ec_text_release(out);
    return status;
}

/* The files that the pattern means and that were written since `since_s`: moved to the front of
 * found->gl_pathv. *old receives one that is older; NULL: none. */
static size_t keep_new(glob_t *found, const char **old, double since_s) {
    size_t n = 0;
    struct stat info;
    *old = NULL;
    for (size_t k = 0; k < found->gl_pathc; k++) {
        char *path = found->gl_pathv[k];
        if (stat(path, &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) continue;
        /* Of a folder its files tell. */
        if (S_ISREG(info.st_mode) && (double)info.st_mtime + EC_RESULTS_CLOCK_SLACK < since_s) {
            *old = path;
            continue;
        }
        found->gl_pathv[k] = found->gl_pathv[n];
        found->gl_pathv[n++] = path;
    }
    return n;
}

static ec_status read_new(const ec_results_reader *r, const char *pattern, double since_s) {
    glob_t found = {0};
    const char *old = NULL;
    const size_t n = glob(pattern, 0, NULL, &found) == 0 ? keep_new(&found, &old, since_s) : 0;
    ec_results_reader new = *r;
    ec_status status;
    new.since = since_s;
    if (n > 0)
        status = ec_results_read_paths(&new, (const char *const *)found.gl_pathv, n);
    else if (old != NULL)
        status = ec_fail(r->err, EC_ERR_FORMAT,
                         "%s is older than the evaluation that should have written it; is "
                         "'results:' in study.yaml the right place?",
                         old);
    else
        status =
            ec_fail(r->err, EC_ERR_FORMAT,
                    "the evaluation left no %s, which 'results:' in study.yaml expects", pattern);
    globfree(&found);
    return status;
}

static ec_status read_declared_files(const ec_results_reader *r, const ec_loop *l,
                                     const ec_loop_job *job, size_t attempt) {
    places p;
    ec_text pattern = {0};
    ec_status status = fill_places(&p, l, job->candidate, job->folder, attempt);
    if (status != EC_OK) return status;
    status = results_pattern(&pattern, l, &p);
    if (status == EC_OK) status = read_new(r, pattern.data, job->state.evaluated_since);
    ec_text_release(&pattern);
    release_places(&p);
    return status;
}

/* All that the evaluation of an attempt found; `source` receives where. */
static ec_status read_results(ec_results *results, char **source, const ec_loop *l,
                              const ec_loop_job *job, size_t attempt) {
    ec_text text = {0};
    ec_status status = path_of(source, l, job->folder, attempt, "evaluate.out");
    if (status == EC_OK) status = read_tail(&text, l, *source, EC_RESULTS_MAX_BYTES);
    const ec_results_reader r = {.results = results,
                                 .declared = &l->study->declared,
                                 .path = *source,
                                 .err = l->err,
                                 .limited = l->run->limited};
    if (status == EC_OK) status = ec_results_read_lines(&r, text.data, text.size_bytes, l->root);
    ec_text_release(&text);
    if (status == EC_OK && l->run->results != NULL)
        status = read_declared_files(&r, l, job, attempt);
    /* A limited run would be so for every candidate, as a name that is wrong. */
    if (status == EC_ERR_ARG) status = EC_ERR_NOT_FOUND;
    if (status == EC_OK && results->n == 0)
        status = ec_fail(l->err, EC_ERR_FORMAT,
                         "%s: no line BENCHMARK=VALUE and no path of a results file in it%s%s",
                         *source, results->n_notes > 0 ? "; " : "",
                         results->n_notes > 0 ? results->notes[0] : "");
    return status;
}

/* Names the benchmarks that the results lack. */
static void warn_of_missing(ec_loop *l, const ec_loop_job *job, const ec_results *results) {
    char names[300] = "";
    size_t n = 0;
    for (size_t b = 0; b < ec_study_n_benchmarks(l->study); b++) {
        size_t k = 0;
        while (k < results->n && results->items[k].benchmark != b) k++;
        if (k < results->n) continue;
        const size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%.60s", n++ > 0 ? ", " : "",
                 ec_study_benchmark(l->study, b)->name);
    }
    if (n > 0)
        ec_loop_report(l, EC_LOOP_WARNING, job->candidate, job->state.evaluated,
                       "the evaluation has no result for %s", names);
}

/* Says which results look like ones in another unit. */
static void warn_of_units(ec_loop *l, const ec_loop_job *job, const ec_results *results) {
    ec_study_snapshot *now;
    char text[400];
    if (ec_study_snapshot_get(&now, l->study, NULL) != EC_OK) return;
    for (size_t k = 0; k < results->n; k++)
        if (ec_study_check_unit(text, sizeof text, l->study, &now->table, job->candidate,
                                results->items[k].benchmark))
            ec_loop_report(l, EC_LOOP_WARNING, job->candidate, job->state.evaluated, "%s", text);
    ec_study_snapshot_free(now);
}

/* A path without the folder of the study, where it is in that. */
static const char *path_in_study(const ec_loop *l, const char *path) {
    const size_t n = strlen(l->root);
    return strncmp(path, l->root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static ec_status tell(ec_loop *l, ec_loop_job *job, const ec_results *results, const char *source) {
    const double hours = job->state.seconds * l->run->gpus / 3600.0;
    ec_result told[EC_STUDY_MAX_BENCHMARKS];
    const char *sources[EC_STUDY_MAX_BENCHMARKS];
    for (size_t k = 0; k < results->n; k++) {
        const ec_found_result *found = &results->items[k];
        told[k] = (ec_result){found->benchmark, found->value, found->se};
        sources[k] = found->file == NULL ? NULL : path_in_study(l, found->file);
    }
    const ec_tell_options options = {
        .hours = hours, .worker = l->worker, .source = source, .sources = sources};
    const ec_status status =
        ec_study_tell(l->study, job->candidate, told, results->n, &options, l->err);
    if (status != EC_OK) return status;
    for (size_t k = 0; k < results->n_notes; k++)
        ec_loop_report(l, EC_LOOP_WARNING, job->candidate, job->state.evaluated, "%s",
                       results->notes[k]);
    warn_of_missing(l, job, results);
    warn_of_units(l, job, results);
    l->sum.n_told++;
    l->sum.n_finetuned++;
    ec_text text = {0};
    for (size_t k = 0; k < results->n; k++)
        ec_text_format(&text, "%s%s %.6g", k > 0 ? ", " : "",
                       ec_study_benchmark(l->study, results->items[k].benchmark)->name,
                       results->items[k].value);
    ec_loop_say(l, (ec_loop_event){.step = EC_LOOP_TOLD,
                                   .candidate = job->candidate,
                                   .attempt = job->state.evaluated,
                                   .seconds = job->state.seconds,
                                   .hours = hours,
                                   .text = text.failed ? "" : text.data});
    ec_text_release(&text);
    return EC_OK;
}

/* Reads and tells; what is wrong with the results themselves goes to `why`. *misnamed is true when
 * it is a name, which would be wrong for every candidate. */
static ec_status read_and_tell(bool *misnamed, char *why, size_t why_size, ec_loop *l,
                               ec_loop_job *job) {
    ec_results results = {0};
    char *source = NULL;
    ec_error error = {0}, *err = l->err;
    why[0] = '\0';
    l->err = &error;
    ec_status status = read_results(&results, &source, l, job, job->state.evaluated);
    if (status == EC_OK) status = tell(l, job, &results, source + strlen(l->root) + 1);
    l->err = err;
    ec_results_release(&results);
    free(source);
    *misnamed = status == EC_ERR_NOT_FOUND;
    if (status == EC_ERR_FORMAT || status == EC_ERR_NOT_FOUND || status == EC_ERR_ARG) {
        snprintf(why, why_size, "%s", error.message);
        return EC_OK;
    }
    return status == EC_OK ? EC_OK : ec_fail(err, status, "%s", error.message);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static ec_status give_up(ec_loop *l, const ec_loop_job *job, const char *why) {
    ec_text text = {0};
    if (why[0] == '\0')
        ec_text_format(&text, "%zu commands failed", job->state.n_failed);
    else
        ec_text_add(&text, why);
    /* In this order: what study.db says holds for the files. */
    ec_status status = text.failed ? ec_no_memory(l->study->path, l->err)
                                   : ec_loop_record_failure(l, job->candidate, text.data);
    if (status == EC_OK) status = ec_attempts_give_up(job->folder, text.data, l->err);
    if (status == EC_OK) {
        l->sum.n_gave_up++;
        l->sum.n_failed++;
        ec_loop_say(l, (ec_loop_event){.step = EC_LOOP_GAVE_UP,
                                       .candidate = job->candidate,
                                       .attempt = job->state.n,
                                       .seconds = job->state.seconds,
                                       .text = text.data,
                                       .file = job->folder});
    }
    ec_text_release(&text);
    return status;
}

/* Runs training or evaluation, in a new attempt where this one cannot take it. */
static ec_status go_on(char *why, size_t why_size, bool *stopped, ec_loop *l, ec_loop_job *job) {
    const bool evaluate = job->state.trained;
    if (evaluate ? !job->state.can_evaluate : !job->state.can_train) {
        const ec_status status = ec_attempts_begin(&job->state, job->folder, l->err);
        if (status != EC_OK) return status;
    }
    return run_command(why, why_size, stopped, l, job, evaluate);
}

/* The last command was ended from outside, and the run was not. */
static ec_status see_stopped(size_t *n_in_a_row, ec_loop *l, const ec_loop_job *job,
                             const char *why) {
    if (++*n_in_a_row == MAX_STOPPED)
        return ec_fail(l->err, EC_ERR_INTERRUPTED,
                       "%s: stopped from outside %d times in a row, the last time: %s; 'eyechart "
                       "run' goes on with it",
                       l->study->candidates[job->candidate].name, MAX_STOPPED, why);
    ec_loop_report(l, EC_LOOP_STOPPED, job->candidate, job->state.n, "%s", why);
    return EC_OK;
}

/* To go on with other candidates would only find the same name, one training after the other. The
 * attempt is not held against the candidate, which stays trained. */
static ec_status stop_for_name(ec_loop *l, const ec_loop_job *job, const char *why) {
    const ec_status status = ec_attempts_begin_anew(job->folder, l->err);
    if (status != EC_OK) return status;
    return ec_fail(l->err, EC_ERR_FORMAT,
                   "%s; correct the command or study.yaml, then 'eyechart run' goes on: what is "
                   "trained is not trained again",
                   why);
}

ec_status ec_loop_work(bool *told, ec_loop *l, ec_loop_job *job) {
    char why[700] = "";
    size_t unreadable = 0; /* the last attempt whose results could not be read */
    size_t n_stopped = 0;  /* commands in a row that somebody stopped */
    bool misnamed = false, evaluated = false, stopped = false;
    *told = false;
    for (;;) {
        ec_status status = ec_attempts_read(&job->state, job->folder, l->err);
        if (status != EC_OK) return status;
        if (job->state.evaluated > unreadable) {
            status = read_and_tell(&misnamed, why, sizeof why, l, job);
            *told = status == EC_OK && why[0] == '\0';
            if (status != EC_OK || *told) return status;
            unreadable = job->state.evaluated;
            if (misnamed && evaluated) return stop_for_name(l, job, why);
            ec_loop_report(l, EC_LOOP_FAILED, job->candidate, unreadable, "%s", why);
        }
        if (job->state.n_failed > l->run->retries && !misnamed) return give_up(l, job, why);
        misnamed = false;
        evaluated = job->state.trained;
        if (!l->stopped) status = go_on(why, sizeof why, &stopped, l, job);
        if (status != EC_OK) return status;
        if (l->stopped)
            return ec_fail(l->err, EC_ERR_INTERRUPTED, "interrupted; 'eyechart run' goes on");
        if (!stopped) n_stopped = 0;
        if (stopped)
            status = see_stopped(&n_stopped, l, job, why);
        else if (why[0] != '\0')
            ec_loop_report(l, EC_LOOP_FAILED, job->candidate, job->state.n, "%s", why);
        if (status != EC_OK) return status;
    }
}
