/*
 * compare-json: the figures as JSON, there and back. See compare-report.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <json-c/json.h>

#define VERSION_KEY "version"
#define SCHEMA 1

static json_object *number(double value)
{
    char text[40];

    /* Short, as people write it: not 0.20999999999999999. */
    snprintf(text, sizeof(text), "%.10g", value);
    return json_object_new_double_s(value, text);
}

static json_object *result_object(const struct figures *figures, const struct measure *measure, size_t subject)
{
    struct summary summary = figures_summary(figures, measure, subject);
    json_object *result = json_object_new_object(), *values = json_object_new_array();

    json_object_object_add(result, "of", json_object_new_string(figures->subject[subject]));
    json_object_object_add(result, "median", number(summary.median));
    json_object_object_add(result, "min", number(summary.least));
    json_object_object_add(result, "max", number(summary.most));
    json_object_object_add(result, "ratio", summary.ratio ? number(summary.ratio) : NULL);
    for (size_t i = 0; i < summary.count; i++)
        json_object_array_add(values, number(measure->of[subject].value[i]));
    json_object_object_add(result, "values", values);
    return result;
}

static json_object *measure_object(const struct figures *figures, const struct measure *measure)
{
    json_object *object = json_object_new_object(), *results = json_object_new_array();

    json_object_object_add(object, "name", json_object_new_string(measure->name));
    json_object_object_add(object, "unit", json_object_new_string(measure->unit));
    json_object_object_add(object, "meaning", json_object_new_string(measure->meaning));
    for (size_t i = 0; i < figures->subjects; i++)
        if (measure->of[i].count)
            json_object_array_add(results, result_object(figures, measure, i));
    json_object_object_add(object, "results", results);
    return object;
}

static json_object *report_object(const struct report *report)
{
    json_object *root = json_object_new_object(), *list = json_object_new_array();

    json_object_object_add(root, VERSION_KEY, json_object_new_int(SCHEMA));
    json_object_object_add(root, "date", json_object_new_string(report->date));
    json_object_object_add(root, "title", json_object_new_string(report->title));
    json_object_object_add(root, "complete", json_object_new_boolean(report->complete));
    for (size_t i = 0; i < SUBJECTS_MAX && report->missing[i]; i++)
        json_object_array_add(list, json_object_new_string(report->missing[i]));
    json_object_object_add(root, "missing", list);
    list = json_object_new_array();
    for (size_t i = 0; i < report->figures.count; i++)
        json_object_array_add(list, measure_object(&report->figures, &report->figures.measure[i]));
    json_object_object_add(root, "measures", list);
    return root;
}

int report_write_json(const struct report *report, const char *path, struct fault *fault)
{
    json_object *root = report_object(report);
    int rc = 0;

    if (json_object_to_file_ext(path, root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE))
        rc = fault_set(fault, -EIO, "%s: not written: %s", path, json_util_get_last_err());
    json_object_put(root);
    return rc;
}

/* A string of an object; "" when it has none. */
static const char *text_of(json_object *object, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

/* A list of an object; NULL when it has none. */
static json_object *list_of(json_object *object, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_array) ? value : NULL;
}

static int read_result(struct figures *figures, struct measure *measure, json_object *result)
{
    json_object *values = list_of(result, "values");
    const char *of = text_of(result, "of");
    int subject = figures_name_valid(of) && values ? figures_subject(figures, of) : -EINVAL;

    for (size_t i = 0; subject >= 0 && i < json_object_array_length(values); i++) {
        double value = json_object_get_double(json_object_array_get_idx(values, i));

        if (!isfinite(value))
            return -EINVAL;
        if (measure_add(measure, subject, value))
            return -ENOMEM;
    }
    return subject < 0 ? subject : 0;
}

static int read_measure(struct figures *figures, json_object *object)
{
    const char *name = text_of(object, "name");
    json_object *results = list_of(object, "results");
    struct measure *measure;
    int rc = 0;

    if (!figures_name_valid(name) || !results)
        return -EINVAL;
    measure = figures_measure(figures, name, text_of(object, "unit"), text_of(object, "meaning"));
    if (!measure)
        return -ENOMEM;
    for (size_t i = 0; !rc && i < json_object_array_length(results); i++)
        rc = read_result(figures, measure, json_object_array_get_idx(results, i));
    return rc;
}

static int read_missing(struct report *report, json_object *list)
{
    for (size_t i = 0; list && i < json_object_array_length(list) && i < SUBJECTS_MAX; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));

        report->missing[i] = text ? strdup(text) : NULL;
        if (!report->missing[i])
            return -ENOMEM;
    }
    return 0;
}

static int read_report(struct report *report, json_object *root)
{
    json_object *version, *complete, *measures = list_of(root, "measures");
    int rc;

    if (!json_object_object_get_ex(root, VERSION_KEY, &version) || json_object_get_int(version) != SCHEMA || !measures)
        return -EINVAL;
    report->date = strdup(text_of(root, "date"));
    report->title = strdup(text_of(root, "title"));
    report->complete = json_object_object_get_ex(root, "complete", &complete) && json_object_get_boolean(complete);
    if (!report->date || !report->title)
        return -ENOMEM;
    rc = read_missing(report, list_of(root, "missing"));
    for (size_t i = 0; !rc && i < json_object_array_length(measures); i++)
        rc = read_measure(&report->figures, json_object_array_get_idx(measures, i));
    return rc;
}

int report_read_json(struct report *report, const char *path, struct fault *fault)
{
    json_object *root = json_object_from_file(path);
    int rc = root ? read_report(report, root) : -EINVAL;

    json_object_put(root);
    if (rc == -ENOMEM)
        return fault_set(fault, rc, "%s: out of memory", path);
    return rc ? fault_set(fault, rc, "%s: not what `xl-stubdom compare` writes", path) : 0;
}
