/* cmd_tokens.c - eyechart tokens: text to the ids of a language model, and back */
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/tokenizer.h"

enum { O_READING, O_PLAIN, O_DECODE, O_TEXTS, O_JSON };

static const char *reading_name(size_t i) {
    static const char *const names[] = {[EC_TOKENIZER_BY_FOLDER] = "folder",
                                        [EC_TOKENIZER_SLOW] = "slow",
                                        [EC_TOKENIZER_SLOW_LEGACY] = "slow-legacy",
                                        [EC_TOKENIZER_FAST] = "fast"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const option OPTIONS[] = {
    [O_READING] = {.name = "reading",
                   .argument = "HOW",
                   .type = VALUE_CHOICE,
                   .choice = reading_name,
                   .fallback = "folder",
                   .help =
                       "as transformers' slow tokenizer (of tokenizer.model, with \"legacy\" false "
                       "or true), or as tokenizer.json says; folder: what the folder says"},
    [O_PLAIN] = {.name = "no-special",
                 .help = "without the tokens that the model wants around a text; decoding: leave "
                         "special tokens out"},
    [O_DECODE] = {.name = "decode",
                  .help = "TEXT is ids, with spaces or commas between: print their "
                          "text"},
    [O_TEXTS] = {.name = "texts",
                 .argument = "FILE",
                 .type = VALUE_FILE,
                 .help = "read texts from FILE, a JSON string a line; -: standard input"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "MODEL",
     .type = VALUE_FOLDER,
     .help = "a model's folder, or its tokenizer.json or tokenizer.model"},
    {.name = "TEXT", .type = VALUE_TEXT, .optional = true, .repeatable = true, .help = "text"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart tokens vicuna-7b-v1.5/ \"USER: What is it?\"", "ids and tokens, one a line"},
    {"eyechart tokens SmolLM2-135M-Instruct/ --no-special \"Hello world\" --json", "as JSON"},
    {"eyechart tokens vicuna-7b-v1.5/ --decode \"1 15043 3186\"", "the text of ids"},
    {0},
};

/* ---- printing ---- */

static json_t *ids_json(const ec_ids *ids) {
    json_t *list = json_array();
    for (size_t i = 0; i < ids->n; i++) json_array_append_new(list, json_integer(ids->id[i]));
    return list;
}

static json_t *tokens_json(const ec_tokenizer *t, const ec_ids *ids) {
    json_t *list = json_array();
    for (size_t i = 0; i < ids->n; i++) {
        const char *token = ec_tokenizer_token(t, ids->id[i]);
        json_array_append_new(list, token != NULL ? json_text(token) : json_null());
    }
    return list;
}

/* One line a text where there are many. */
static void print_object(json_t *object, bool many) {
    if (!many) {
        json_print(object);
        return;
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(object);
}

static int print_ids(const ec_tokenizer *t, const ec_ids *ids, const option_value *v) {
    char *decoded;
    size_t size;
    ec_error err;
    if (!v[O_JSON].given) {
        for (size_t i = 0; i < ids->n; i++) {
            const char *token = ec_tokenizer_token(t, ids->id[i]);
            printf("%7d  %s\n", (int)ids->id[i], token != NULL ? token : "");
        }
        return EXIT_DONE;
    }
    if (ec_tokenizer_decode(&decoded, &size, t, ids->id, ids->n, true, &err) != EC_OK)
        return report_error(&err);
    print_object(json_pack("{s:o, s:o, s:o}", "ids", ids_json(ids), "tokens", tokens_json(t, ids),
                           "decoded", json_stringn(decoded, size)),
                 v[O_TEXTS].given);
    free(decoded);
    return EXIT_DONE;
}

/* ---- encoding and decoding ---- */

static int encode(const ec_tokenizer *t, const char *text, size_t size, const option_value *v) {
    ec_ids ids = {0};
    ec_error err;
    const ec_status status = ec_tokenizer_encode(&ids, t, text, size, !v[O_PLAIN].given, &err);
    const int exit = status == EC_OK ? print_ids(t, &ids, v) : report_error(&err);
    ec_ids_release(&ids);
    return exit;
}

static const char SEPARATORS[] = " ,[]\n\t";

static int decode(const ec_tokenizer *t, const char *text, const arguments *args) {
    const option_value *v = args->values;
    int32_t *ids = allocate(strlen(text) + 1, sizeof *ids);
    size_t n = 0, size;
    char *decoded;
    ec_error err;
    for (const char *at = text; *at != '\0';) {
        char *end;
        if (strchr(SEPARATORS, *at) != NULL) {
            at++;
            continue;
        }
        const long id = strtol(at, &end, 10);
        const bool ends = *end == '\0' || strchr(SEPARATORS, *end) != NULL;
        if (end == at || !ends || id < 0 || id > INT32_MAX ||
            ec_tokenizer_token(t, (int32_t)id) == NULL) {
            free(ids);
            return usage_error(args->command, "'%.*s' is no id of this tokenizer; it has 0 to %zu",
                               (int)strcspn(at, SEPARATORS), at,
                               ec_tokenizer_describe(t).n_tokens - 1);
        }
        ids[n++] = (int32_t)id;
        at = end;
    }
    const ec_status status =
        ec_tokenizer_decode(&decoded, &size, t, ids, n, v[O_PLAIN].given, &err);
    free(ids);
    if (status != EC_OK) return report_error(&err);
    if (v[O_JSON].given)
        json_print(json_pack("{s:o}", "decoded", json_stringn(decoded, size)));
    else
        printf("%s\n", decoded);
    free(decoded);
    return EXIT_DONE;
}

/* A JSON string a line. */
static int encode_lines(const ec_tokenizer *t, const char *path, const option_value *v) {
    FILE *const file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t n;
    int status = EXIT_DONE;
    if (file == NULL) {
        note("%s: cannot be opened", path);
        return EXIT_DATA;
    }
    while (status == EXIT_DONE && (n = getline(&line, &capacity, file)) >= 0) {
        number++;
        json_t *text = json_loadb(line, (size_t)n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (json_is_string(text)) {
            status = encode(t, json_string_value(text), json_string_length(text), v);
        } else {
            note("%s: line %zu: expected a JSON string", path, number);
            status = EXIT_DATA;
        }
        json_decref(text);
    }
    free(line);
    if (file != stdin) fclose(file);
    return status;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    ec_tokenizer *t;
    ec_error err;
    int status = EXIT_DONE;
    if (v[O_TEXTS].given == (args->n_operands > 1))
        return usage_error(args->command, v[O_TEXTS].given
                                              ? "TEXT and --texts FILE: expected one of them"
                                              : "no text: expected TEXT, or --texts FILE");
    if (ec_tokenizer_open(&t, args->operands[0], (ec_tokenizer_reading)v[O_READING].choice, &err) !=
        EC_OK)
        return report_error(&err);
    const ec_tokenizer_info info = ec_tokenizer_describe(t);
    note("%s: %s, read as: %s, %zu tokens", info.file, info.model, info.behaviour, info.n_tokens);
    if (v[O_TEXTS].given) status = encode_lines(t, v[O_TEXTS].text, v);
    for (size_t i = 1; i < args->n_operands && status == EXIT_DONE; i++) {
        const char *text = args->operands[i];
        if (i > 1 && !v[O_JSON].given && !v[O_DECODE].given) putchar('\n');
        status = v[O_DECODE].given ? decode(t, text, args) : encode(t, text, strlen(text), v);
    }
    ec_tokenizer_close(t);
    return status;
}

const command CMD_TOKENS = {
    .name = "tokens",
    .purpose = "text to the ids of a language model's tokens, and back",
    .about = "Reads tokenizer.model (SentencePiece: BPE, Unigram), tokenizer.json (Hugging Face: "
             "BPE, Unigram) or CLIP's vocab.json and merges.txt. The same file gives other ids "
             "depending on who reads it; what was chosen is said on standard error.\n"
             "A folder with tokenizer.model is read as transformers' slow tokenizer does, with "
             "\"legacy\" as tokenizer_config.json has it (true when it is absent).",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
