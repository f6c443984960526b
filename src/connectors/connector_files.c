/* connector_files.c - where in a folder a trained connector is
 *
 * What trainings of LLaVA leave, in the order in which it is looked for:
 *
 *     mm_projector.bin, .safetensors     pretraining; each step of it, in checkpoint-N/
 *     non_lora_trainables.bin            LoRA: what was trained beside the adapters
 *     a whole model                      full finetuning, merged LoRA
 *     adapter_model.safetensors, .bin    PEFT with the connector among modules_to_save
 *     global_stepN/mp_rank_00_model_states.pt   DeepSpeed's own, the tag N in the file `latest`
 *     mm_projector/checkpoint-N.bin      pretraining, one file a step
 *     checkpoint-N/                      the last step of a training that did not end
 *
 * A step of which nothing was kept (LoRA writes its adapters alone) leads to what lies in the
 * folder above it, that is the connector of the end. Source: llava/train/train.py
 * (safe_save_model_for_hf_trainer), llava_trainer.py (_save_checkpoint) of LLaVA 1.2.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "connectors/mlp.h"

/* A search: what was found, and the first reason why something was not. */
typedef struct {
    ec_weights *files;
    ec_text file; /* what was opened */
    ec_error first;
    ec_status status; /* other than EC_OK: the search is over */
} search;

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_listed(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Opens folder/name, or the folder itself. A file that is no connector by its name must have one by
 * its tensors. True: the search is over. */
static bool try(search *s, const char *folder, const char *name, bool is_connector) {
    ec_text path = {0};
    ec_error err = {0};
    ec_weights *files;
    ec_text_format(&path, "%s%s%s", folder, name != NULL ? "/" : "", name != NULL ? name : "");
    if (path.failed) {
        s->status = ec_fail(&s->first, EC_ERR_NOMEM, "%s: out of memory", folder);
        return true;
    }
    if (!is_listed(path.data)) {
        ec_text_release(&path);
        return false;
    }
    const ec_status status = ec_weights_open(&files, path.data, &err);
    if (status == EC_OK && (is_connector || mlp_prefix(files)[0] != '\0')) {
        s->files = files;
        s->file = path;
        return true;
    }
    if (status == EC_OK) ec_weights_close(files);
    /* A folder without weights is no reason. */
    if (status != EC_OK && name != NULL && s->first.status == EC_OK) s->first = err;
    if (status == EC_ERR_NOMEM) s->status = status;
    ec_text_release(&path);
    return s->status != EC_OK;
}

static bool try_connector(search *s, const char *folder) {
    return try(s, folder, "mm_projector.bin", true) ||
           try(s, folder, "mm_projector.safetensors", true) ||
           try(s, folder, "non_lora_trainables.bin", false) ||
           try(s, folder, "non_lora_trainables.safetensors", false);
}

static bool try_deepspeed(search *s, const char *folder) {
    ec_text latest = {0}, name = {0}, path = {0};
    ec_text_format(&path, "%s/latest", folder);
    bool over = false;
    if (!path.failed && ec_file_read(&latest, path.data, 256, NULL) == EC_OK) {
        const int n = (int)strcspn(latest.data, " \t\r\n/");
        ec_text_format(&name, "%.*s/mp_rank_00_model_states.pt", n, latest.data);
        over = n > 0 && !name.failed && try(s, folder, name.data, false);
    }
    ec_text_release(&latest);
    ec_text_release(&name);
    ec_text_release(&path);
    return over;
}

static bool try_model(search *s, const char *folder) {
    return try_connector(s, folder) || try(s, folder, NULL, false) ||
           try(s, folder, "adapter_model.safetensors", false) ||
           try(s, folder, "adapter_model.bin", false) || try_deepspeed(s, folder);
}

/* N of "checkpoint-N" and what may follow; -1: another name. */
static long step_of(const char *name, const char *ending) {
    static const char start[] = "checkpoint-";
    char *end;
    if (strncmp(name, start, sizeof start - 1) != 0 || name[sizeof start - 1] < '0' ||
        name[sizeof start - 1] > '9')
        return -1;
    const long n = strtol(name + sizeof start - 1, &end, 10);
    return strcmp(end, ending) == 0 ? n : -1;
}

/* The name in a folder with the highest step below `below`; "" if there is none. */
static void last_step(char name[256], const char *folder, const char *ending, long below) {
    DIR *entries = opendir(folder);
    long best = -1;
    name[0] = '\0';
    if (entries == NULL) return;
    for (const struct dirent *e; (e = readdir(entries)) != NULL;) {
        const long n = step_of(e->d_name, ending);
        if (n <= best || n >= below) continue;
        best = n;
        snprintf(name, 256, "%s", e->d_name);
    }
    closedir(entries);
}

/* A folder of one file a step: the last. */
static bool try_step_files(search *s, const char *folder) {
    char name[256];
    last_step(name, folder, ".bin", LONG_MAX);
    if (name[0] != '\0' && try(s, folder, name, true)) return true;
    last_step(name, folder, ".safetensors", LONG_MAX);
    return name[0] != '\0' && try(s, folder, name, true);
}

static bool try_within(search *s, const char *folder, const char *name,
                       bool (*what)(search *, const char *)) {
    ec_text path = {0};
    ec_text_format(&path, "%s/%s", folder, name);
    const bool over = !path.failed && is_folder(path.data) && what(s, path.data);
    ec_text_release(&path);
    return over;
}

/* Folders of steps from the last one on, until one has a connector. */
static bool try_steps(search *s, const char *folder) {
    char name[256];
    for (long below = LONG_MAX;; below = step_of(name, "")) {
        last_step(name, folder, "", below);
        if (name[0] == '\0') return false;
        if (try_within(s, folder, name, try_model)) return true;
    }
}

/* The folder above a step's: its own file there, else that of the end. */
static bool try_above(search *s, const char *folder) {
    char *real = realpath(folder, NULL);
    char *slash = real != NULL ? strrchr(real, '/') : NULL;
    bool over = false;
    if (slash != NULL && step_of(slash + 1, "") >= 0) {
        char name[300];
        *slash = '\0';
        snprintf(name, sizeof name, "mm_projector/%.250s.bin", slash + 1);
        over = try(s, real, name, true) || try_connector(s, real);
    }
    free(real);
    return over;
}

static ec_status search_folder(search *s, const char *folder, ec_error *err) {
    if (try_model(s, folder) || try_within(s, folder, "mm_projector", try_step_files) ||
        try_step_files(s, folder) || try_steps(s, folder) || try_above(s, folder)) {
        if (s->status == EC_OK) return EC_OK;
    }
    if (s->first.status != EC_OK) return ec_fail(err, s->first.status, "%s", s->first.message);
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no connector there; expected mm_projector.bin, mm_projector.safetensors, "
                   "non_lora_trainables.bin, or the weights of a whole multimodal model",
                   folder);
}

ec_status ec_connector_locate(char **out, const char *path, ec_error *err) {
    ec_weights *files;
    ec_text file;
    *out = NULL;
    const ec_status status = mlp_open_files(&files, &file, path, err);
    if (status != EC_OK) return status;
    ec_weights_close(files);
    *out = file.data;
    return EC_OK;
}

ec_status mlp_open_files(ec_weights **out, ec_text *file, const char *path, ec_error *err) {
    search s = {0};
    char *folder = NULL;
    ec_status status = ec_file_model_folder(&folder, path, err);
    if (status != EC_OK) return status;
    if (is_folder(folder)) {
        status = search_folder(&s, folder, err);
    } else {
        status = ec_weights_open(&s.files, path, err);
        ec_text_add(&s.file, path);
        if (status == EC_OK && s.file.failed)
            status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    }
    free(folder);
    if (status != EC_OK) {
        ec_weights_close(s.files);
        ec_text_release(&s.file);
        return status;
    }
    *out = s.files;
    *file = s.file;
    return EC_OK;
}
