/*
 * compare-plot: the figures as a picture, drawn by gnuplot. See compare-report.h.
 *
 * A small picture for each measure, since their units differ: bars of the medians, with a line from the least to
 * the most. Each subject has its hatching, so that it reads in black and white.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-report.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

#define COLUMNS 3
#define WIDTH 300 /* of one of the small pictures */
#define HEIGHT 190

extern char **environ;

/* In single quotes nothing means anything to gnuplot but the quote itself. */
static void put_quoted(const char *text, FILE *out)
{
    putc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            putc('\'', out);
        if ((unsigned char)*text >= ' ')
            putc(*text, out);
    }
    putc('\'', out);
}

static void put_data(const struct figures *figures, size_t index, FILE *out)
{
    fprintf(out, "$m%zu << END\n", index);
    for (size_t i = 0; i < figures->subjects; i++) {
        struct summary summary = figures_summary(figures, &figures->measure[index], i);

        if (summary.count)
            fprintf(out, "%zu %s %.10g %.10g %.10g %.3g\n", i, figures->subject[i], summary.median, summary.least,
                    summary.most, summary.median);
    }
    fputs("END\n", out);
}

/* One for each subject: those that differ most come first. */
static const char *const fills[SUBJECTS_MAX] = {
    "solid 0.7", "pattern 4", "solid 0.25", "pattern 2", "pattern 5", "pattern 1", "pattern 6", "solid 1",
};

static void put_plot(const struct figures *figures, size_t index, FILE *out)
{
    const struct measure *measure = &figures->measure[index];
    cleanup_free char *title = NULL;

    if (asprintf(&title, "%s%s%s", measure->name, *measure->unit ? ", " : "", measure->unit) < 0)
        title = NULL;
    fputs("set title ", out);
    put_quoted(title ? title : measure->name, out);
    fprintf(out, "\nplot $m%zu using 1:3:(0.6):xticlabels(2) with boxes fill empty linecolor rgb 'black', \\\n", index);
    for (size_t i = 0; i < figures->subjects; i++)
        fprintf(out, "     '' using ($1 == %zu ? $1 : NaN):3:(0.6) with boxes fill %s linecolor rgb 'black', \\\n", i,
                fills[i]);
    fputs("     '' using 1:3:4:5 with yerrorbars linewidth 2 linecolor rgb 'black' pointtype 0, \\\n"
          "     '' using 1:5:6 with labels offset 0,0.6\n", out);
}

static void put_script(const struct report *report, const char *prefix, FILE *out)
{
    const struct figures *figures = &report->figures;
    size_t rows = (figures->count + COLUMNS - 1) / COLUMNS;
    size_t width = COLUMNS * WIDTH, height = rows * HEIGHT + 40;

    fputs("# Drawn from the figures of xl-stubdom compare: gnuplot FILE\n", out);
    for (size_t i = 0; i < figures->count; i++)
        put_data(figures, i, out);
    fprintf(out, "set yrange [0:*]\nset offsets 0, 0, graph 0.15, 0\nset xrange [-0.6:%zu-0.4]\n", figures->subjects);
    fputs("set tics nomirror out\nset border 3\nunset key\n"
          "do for [kind in 'svg png'] {\n", out);
    fprintf(out,
            "if (kind eq 'svg') { set terminal svg size %zu,%zu noenhanced font 'sans,11' background rgb 'white' }\n"
            "if (kind eq 'png') { set terminal pngcairo size %zu,%zu noenhanced font 'sans,9' }\n",
            width, height, width, height);
    fputs("set output ", out);
    put_quoted(prefix, out);
    fprintf(out, " . '.' . kind\nset multiplot layout %zu,%d title ", rows, COLUMNS);
    put_quoted(report->title, out);
    putc('\n', out);
    for (size_t i = 0; i < figures->count; i++)
        put_plot(figures, i, out);
    fputs("unset multiplot\nset output\n}\n", out);
}

/* SCRIPT is its standard input. 0; 1: it is not installed; or -EIO. */
static int run_gnuplot(int script)
{
    char *argv[] = {"gnuplot", "-", NULL};
    posix_spawn_file_actions_t actions;
    int status;
    pid_t pid;
    int e = posix_spawn_file_actions_init(&actions);

    if (e)
        return -EIO;
    e = posix_spawn_file_actions_adddup2(&actions, script, STDIN_FILENO);
    e = e ? e : posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (e)
        return e == ENOENT ? 1 : -EIO;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -EIO;
    return status ? -EIO : 0;
}

static char *make_script(const struct report *report, const char *prefix, size_t *len)
{
    char *script = NULL;
    FILE *out = open_memstream(&script, len);

    if (!out)
        return NULL;
    put_script(report, prefix, out);
    if (!fclose(out))
        return script;
    free(script);
    return NULL;
}

/* A file of no name, to be read from its beginning; or -errno. */
static int hold(const char *text, size_t len)
{
    cleanup_close int fd = memfd_create("gnuplot", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    /* Only memory may be short. */
    if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
        return -ENOMEM;
    return steal_fd(&fd);
}

static int write_file(const char *path, const char *text, size_t len)
{
    FILE *out = fopen(path, "we");
    bool written;

    if (!out)
        return -errno;
    written = fwrite(text, 1, len, out) == len;
    return fclose(out) || !written ? -EIO : 0;
}

/* We are root: gnuplot gets what we made, not what a file of that name, in anybody's folder, has in it by then. */
int report_plot(const struct report *report, const char *prefix, struct fault *fault)
{
    cleanup_free char *path = NULL, *script = NULL;
    cleanup_close int fd = -1;
    size_t len;
    int rc;

    if (asprintf(&path, "%s.gnuplot", prefix) < 0) {
        path = NULL;
        return fault_set(fault, -ENOMEM, "out of memory");
    }
    script = make_script(report, prefix, &len);
    fd = script ? hold(script, len) : -ENOMEM;
    if (fd < 0)
        return fault_set(fault, fd, "%s: %s", path, strerror(-fd));
    rc = write_file(path, script, len);
    if (rc)
        return fault_set(fault, rc, "%s: %s", path, strerror(-rc));
    rc = run_gnuplot(fd);
    return rc < 0 ? fault_set(fault, rc, "gnuplot does not make a plot of %s", path) : rc;
}
