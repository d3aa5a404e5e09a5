/*
 * image: whether the files that a stub domain boots from are there and whole. See image.h.
 *
 * The size is compared with the manifest beside the file: that notices a copy that was cut short,
 * or a disk that was full. A file that the manifest does not name (an admin's own) is only looked
 * at.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

/* What is read of a file: up to the end of the fields that are used of a bzImage's header. */
#define HEAD_SIZE 0x206

struct head {
    uint8_t bytes[HEAD_SIZE];
    size_t len;
    uint64_t size; /* of the whole file */
};

static int read_head(struct head *head, const char *path, const struct flavour *flavour,
                     struct fault *fault)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t got;

    if (fd < 0 && errno == ENOENT)
        return fault_set(fault, -ENOENT, "%s: %s: %s", path, strerror(ENOENT), flavour->origin);
    if (fd < 0 || fstat(fd, &st))
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fault_set(fault, -EINVAL, "%s: not a plain file", path);
    got = pread(fd, head->bytes, sizeof(head->bytes), 0);
    if (got < 0)
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    head->len = got;
    head->size = st.st_size;
    return 0;
}

/* Parses "SIZE SHA256 NAME"; true when NAME is the one looked for. */
static bool manifest_line_matches(const char *line, const char *name, uint64_t *size)
{
    char *end;
    size_t len = strlen(name);

    errno = 0;
    *size = strtoull(line, &end, 10);
    if (errno || end == line || *end != ' ')
        return false;
    end = strchr(end + 1, ' ');
    return end && !strncmp(end + 1, name, len) && !strcmp(end + 1 + len, "\n");
}

/* The manifest is beside the file. NULL: there is none. *FILE is the file's own name. */
static FILE *manifest_open(const char *path, const char *name, const char **file)
{
    const char *slash = strrchr(path, '/');
    int dir = slash ? slash + 1 - path : 0;
    cleanup_free char *manifest = NULL;

    *file = path + dir;
    if (asprintf(&manifest, "%.*s%s", dir, path, name) < 0) {
        manifest = NULL;
        return NULL;
    }
    return fopen(manifest, "re");
}

/* Finds the recorded size of `path`. False when nothing is recorded. */
static bool manifest_size(const char *path, const char *name, uint64_t *size)
{
    const char *file;
    cleanup_fclose FILE *f = manifest_open(path, name, &file);
    char line[512];

    while (f && fgets(line, sizeof(line), f)) {
        if (manifest_line_matches(line, file, size))
            return true;
    }
    return false;
}

void image_print_origin(const char *kernel, const struct flavour *flavour, FILE *out)
{
    const char *file;
    cleanup_fclose FILE *f = manifest_open(kernel, flavour->manifest, &file);
    cleanup_free char *line = NULL;
    size_t size = 0;

    while (f && getline(&line, &size, f) > 0) {
        if (!strncmp(line, "# ", 2))
            fprintf(out, "  %s", line + 2);
    }
}

void image_source_version(const char *kernel, const struct flavour *flavour, const char *source, char *text,
                          size_t size)
{
    static const char made_of[] = "# made of ";
    const char *file;
    cleanup_fclose FILE *f = manifest_open(kernel, flavour->manifest, &file);
    cleanup_free char *line = NULL;
    size_t room = 0, len = strlen(source);

    snprintf(text, size, "-");
    while (f && getline(&line, &room, f) > 0) {
        char *rest = line + strlen(made_of), *word;

        if (strncmp(line, made_of, strlen(made_of)))
            continue;
        while ((word = strsep(&rest, ",\n")))
            if (!strncmp(word += strspn(word, " "), source, len) && word[len] == ' ')
                snprintf(text, size, "%s", word + len + 1);
        return;
    }
}

static int check_size(const char *path, uint64_t size, uint64_t wanted, struct fault *fault)
{
    if (size < wanted)
        return fault_set(fault, -EINVAL, "%s: truncated: %llu bytes of %llu, install it again",
                         path, (unsigned long long)size, (unsigned long long)wanted);
    return 0;
}

static int check_manifest(const char *path, const char *name, uint64_t size, struct fault *fault)
{
    uint64_t wanted;
    int rc;

    if (!manifest_size(path, name, &wanted))
        return 0;
    rc = check_size(path, size, wanted, fault);
    if (!rc && size != wanted)
        rc = fault_set(fault, -EINVAL,
                       "%s: %llu bytes, but %llu were installed (%s): install it again", path,
                       (unsigned long long)size, (unsigned long long)wanted, name);
    return rc;
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

struct magic {
    const char *bytes;
    size_t len;
};

static const struct magic elf = {"\177ELF", 4}, gzip = {"\x1f\x8b", 2};

/* The two of all flavours come first. */
static const struct magic ramdisks[] = {
    {"070701", 6},     {"\x1f\x8b", 2},              /* cpio, gzip */
    {"070702", 6},                                    /* cpio with sums */
    {"\xfd" "7zXZ", 5}, {"(\xb5/\xfd", 4},           /* xz, zstd */
    {"\x02!L\x18", 4}, {"BZh", 3},                    /* lz4, bzip2 */
    {"]\0\0", 3},      {"\x89LZO", 4},               /* lzma, lzo */
};

static const size_t ramdisk_kinds[] = {
    [UNPACKED_BY_LINUX] = sizeof(ramdisks) / sizeof(ramdisks[0]),
    [UNPACKED_BY_NOBODY] = 2,
};

static bool head_is(const struct head *head, const struct magic *magic)
{
    return head->len >= magic->len && !memcmp(head->bytes, magic->bytes, magic->len);
}

static int read_and_measure(struct head *head, const char *path, const struct flavour *flavour,
                            struct fault *fault)
{
    int rc = read_head(head, path, flavour, fault);

    return rc ? rc : check_manifest(path, flavour->manifest, head->size, fault);
}

int image_check_kernel(const char *path, const struct flavour *flavour, struct fault *fault)
{
    struct head head;
    uint64_t setup_sectors;
    int rc = read_and_measure(&head, path, flavour, fault);

    if (rc || head_is(&head, &elf) || head_is(&head, &gzip))
        return rc;
    if (head.len < HEAD_SIZE || memcmp(head.bytes + 0x202, "HdrS", 4))
        return fault_set(fault, -EINVAL, "%s: not a kernel", path);

    /* 0: four sectors, from before the field existed. */
    setup_sectors = head.bytes[0x1f1] ? head.bytes[0x1f1] : 4;
    return check_size(path, head.size,
                      (setup_sectors + 1) * 512 + (uint64_t)le32(head.bytes + 0x1f4) * 16, fault);
}

int image_check_ramdisk(const char *path, const struct flavour *flavour, struct fault *fault)
{
    struct head head;
    int rc = read_and_measure(&head, path, flavour, fault);

    for (size_t i = 0; !rc && i < ramdisk_kinds[flavour->unpacker]; i++)
        if (head_is(&head, &ramdisks[i]))
            return 0;
    return rc ? rc : fault_set(fault, -EINVAL, "%s: not an initramfs", path);
}
