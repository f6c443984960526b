/* page.c - the report page: the embedded template with the study's data in its one gap
 *
 * The template (cmake/report_page.cmake puts it together) has everything but the data inlined.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "report/data.h"

extern const unsigned char ec_report_page[];
extern const size_t ec_report_page_size;

static const char GAP[] = "{{data}}";

/* JSON that may stand inside <script>: only strings hold '<', and there \u003c says the same. So
 * neither </script> nor <!-- can come out of a name. */
static void add_json(ec_text *text, const char *json) {
    for (;;) {
        const size_t plain = strcspn(json, "<");
        ec_text_add_bytes(text, json, plain);
        if (json[plain] == '\0') return;
        ec_text_add(text, "\\u003c");
        json += plain + 1;
    }
}

ec_status ec_report_write(ec_study *study, const char *file, const ec_report_options *options,
                          ec_error *err) {
    json_t *data;
    ec_status status = ec_report_data(&data, study, options, err);
    if (status != EC_OK) return status;

    /* 10 digits: more than any plot or table shows. */
    char *json = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_decref(data);
    ec_text page = {0};
    if (json != NULL) {
        const char *template = (const char *)ec_report_page;
        const char *gap = strstr(template, GAP);
        const char *rest = gap + strlen(GAP);
        ec_text_add_bytes(&page, template, (size_t)(gap - template));
        add_json(&page, json);
        ec_text_add_bytes(&page, rest, ec_report_page_size - (size_t)(rest - template));
    }
    status = json == NULL || page.failed
                 ? ec_fail(err, EC_ERR_NOMEM, "not enough memory for the report page")
                 : ec_file_write(file, page.data, page.size_bytes, err);
    free(json);
    ec_text_release(&page);
    return status;
}
