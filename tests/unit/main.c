/* main.c - the program of the unit tests of one module
 *
 *     test_law              every group of the module, one after the other
 *     test_law gp mixture   these
 *
 * A group is a file test_<name>.c, whose main() the build calls test_<name>(). EC_GROUPS lists them: GROUP(gp) GROUP(law).
 * The status is that of the last group that did not pass, 2 for a name that is none. */
#include <stdio.h>
#include <string.h>

#define GROUP(name) int test_##name(void);
EC_GROUPS
#undef GROUP

typedef struct group {
    const char *name;
    int (*run)(void);
} group;

#define GROUP(name) {#name, test_##name},
static const group GROUPS[] = {EC_GROUPS{NULL, NULL}};

static const group *find(const char *name) {
    for (const group *g = GROUPS; g->name; g++)
        if (strcmp(g->name, name) == 0) return g;
    return NULL;
}

int main(int argc, char **argv) {
    int status = 0;
    for (int i = 1; i < argc; i++) {
        if (find(argv[i])) continue;
        fprintf(stderr, "%s: there is no group '%s', but", argv[0], argv[i]);
        for (const group *g = GROUPS; g->name; g++) fprintf(stderr, " %s", g->name);
        fputc('\n', stderr);
        return 2;
    }
    for (const group *g = GROUPS; g->name; g++) {
        int wanted = argc == 1;
        for (int i = 1; i < argc; i++) wanted |= strcmp(argv[i], g->name) == 0;
        const int one = wanted ? g->run() : 0;
        if (one != 0) status = one;
    }
    return status;
}
