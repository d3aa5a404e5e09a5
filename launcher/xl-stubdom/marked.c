/*
 * marked: the processes that came of one command. See marked.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "marked.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static inline void cleanup_closedirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define cleanup_closedir __attribute__((cleanup(cleanup_closedirp)))
#define PATH_SIZE 300

static bool has_mark(const char *process, const char *mark)
{
    char path[PATH_SIZE];
    cleanup_free char *word = NULL;
    cleanup_fclose FILE *f = NULL;
    size_t size = 0;

    snprintf(path, sizeof(path), "%s/environ", process);
    f = fopen(path, "re");
    while (f && getdelim(&word, &size, '\0', f) > 0)
        if (!strcmp(word, mark))
            return true;
    return false;
}

/* The number after KEY in a file of lines "KEY: N"; 0: there is none. */
static uint64_t number_of(const char *path, const char *key)
{
    cleanup_fclose FILE *f = fopen(path, "re");
    size_t len = strlen(key);
    char line[200];
    uint64_t value = 0;

    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, key, len) && sscanf(line + len, ": %" SCNu64, &value) == 1)
            break;
    return value;
}

/* The first number in a file. */
static uint64_t first_number(const char *path)
{
    cleanup_fclose FILE *f = fopen(path, "re");
    uint64_t value = 0;

    return f && fscanf(f, "%" SCNu64, &value) == 1 ? value : 0;
}

static bool is_number(const struct dirent *entry)
{
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

static unsigned int count_entries(const char *folder)
{
    cleanup_closedir DIR *dir = opendir(folder);
    unsigned int count = 0;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        count += is_number(entry);
    return count;
}

static void add_threads(const char *process, struct marked *marked)
{
    char folder[PATH_SIZE], path[2 * PATH_SIZE];
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;

    snprintf(folder, sizeof(folder), "%s/task", process);
    dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        if (!is_number(entry))
            continue;
        snprintf(path, sizeof(path), "%s/%s/schedstat", folder, entry->d_name);
        marked->cpu_ns += first_number(path);
        snprintf(path, sizeof(path), "%s/%s/status", folder, entry->d_name);
        marked->wakeups += number_of(path, "voluntary_ctxt_switches");
    }
}

static void add_process(const char *process, struct marked *marked)
{
    char path[PATH_SIZE];

    marked->processes++;
    snprintf(path, sizeof(path), "%s/fd", process);
    marked->descriptors += count_entries(path);
    snprintf(path, sizeof(path), "%s/smaps_rollup", process);
    marked->memory_kib += number_of(path, "Pss");
    add_threads(process, marked);
}

struct marked marked_look(const char *proc, const char *mark)
{
    struct marked marked = {0};
    cleanup_closedir DIR *dir = opendir(proc);
    struct dirent *entry;
    char process[PATH_SIZE - 20];

    while (dir && (entry = readdir(dir)))
        if (is_number(entry) && !format_text(process, sizeof(process), "%s/%s", proc, entry->d_name) &&
            has_mark(process, mark))
            add_process(process, &marked);
    return marked;
}
