// sources: launcher/dom0-daemon/root/options.c launcher/dom0-daemon/outputs/output-spec.c
/*
 * The daemon's command line, one argument a line. Each line is also parsed as a console output. Options that are
 * accepted must be consistent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "options.h"
#include "output-spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void try_output(const char *text)
{
    struct output_spec spec;
    char error[400];

    if (output_spec_parse(&spec, text, error, sizeof(error))) {
        MUST(strlen(error) > 0);
        return;
    }
    MUST(spec.kind < OUTPUT_KINDS);
    MUST(spec.kind != OUTPUT_FILE || spec.path[0]);
    MUST(spec.kind != OUTPUT_TCP || (atoi(spec.port) > 0 && atoi(spec.port) < 65536));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *line, *rest = text, *argv[66] = { "stubdom-dm" }, error[400];
    struct options options;
    int argc = 1;

    memcpy(text, data, size);
    text[size] = '\0';
    while (argc < 65 && (line = strsep(&rest, "\n"))) {
        try_output(line);
        argv[argc++] = line;
    }
    argv[argc] = NULL;
    error[0] = '\0';
    if (options_parse(&options, argc, argv, error, sizeof(error))) {
        MUST(strlen(error) > 0);
    } else if (!options.help && !options.version) {
        MUST(options.probe || (options.domid > 0 && options.domid <= (int)OPTIONS_MAX_DOMID));
        for (unsigned int i = 0; i < options.monitor_count; i++)
            MUST((options.monitors[i].fd >= 0) == !options.monitors[i].path[0]);
        MUST(5900 + options.vnc.display <= 65535);
    }
    free(text);
    return 0;
}
