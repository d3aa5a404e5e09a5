/*
 * The ramdisk, a cpio archive (newc), becomes the tree. If a file's contents begin at a page, its whole pages stay
 * where they are. All else is copied. Pages of the archive that are not needed any more are freed on the way.
 *
 * The archive is part of our image, like the kernel. It is checked nevertheless, so that a broken one is reported.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#define HEADER 110U
#define FIELDS 13U
enum {
    INO, MODE, UID, GID, NLINK, MTIME, FILESIZE, DEVMAJOR, DEVMINOR, RDEVMAJOR, RDEVMINOR, NAMESIZE
};

struct archive {
    char *start;
    size_t size, at;
    size_t done;            /* whole pages up to here are freed, or a file's */
};

struct member { uint32_t fields[FIELDS]; const char *name; char *data; size_t size; };

static int parse_hex(const char *text, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 8; i++) {
        char c = text[i];
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return -EINVAL;
        *value = *value << 4 | digit;
    }
    return 0;
}

static int parse_header(const char *text, uint32_t fields[FIELDS])
{
    if (pv_compare(text, "070701", 6) && pv_compare(text, "070702", 6))
        return -EINVAL;
    for (unsigned int i = 0; i < FIELDS; i++) {
        int rc = parse_hex(text + 6 + 8 * i, &fields[i]);

        if (rc)
            return rc;
    }
    return 0;
}

static size_t padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* Reads the member at the current position, and moves behind it. Sizes have 32 bits, so 64-bit sums cannot overflow. */
static int next_member(struct archive *archive, struct member *member)
{
    char *text = archive->start + archive->at;
    size_t left = archive->size - archive->at, name, data;
    int rc = left < HEADER ? -EINVAL : parse_header(text, member->fields);

    if (rc)
        return rc;
    name = member->fields[NAMESIZE];
    member->size = member->fields[FILESIZE];
    data = padded(HEADER + name);
    if (!name || data > left || member->size > left - data || text[HEADER + name - 1])
        return -EINVAL;
    member->name = text + HEADER;
    member->data = text + data;
    archive->at += data + padded(member->size);
    if (archive->at > archive->size) /* the last member's padding may be missing */
        archive->at = archive->size;
    return 0;
}

/* ---- one member ---- */

static int copy_page(struct node *node, uint64_t index, const char *data, size_t n)
{
    char *page = pv_pages_alloc(1, 1);

    if (!page)
        return -ENOMEM;
    pv_copy(page, data, n);
    pv_zero(page + n, PV_PAGE - n);
    if (memory_page_set(node, index, page))
        return 0;
    pv_pages_put(page);
    return -ENOMEM;
}

/* Frees the archive's pages before this address, except those that have become a file's. */
static void archive_free(struct archive *archive, size_t end)
{
    if (end > archive->done)
        pv_pages_add(archive->start + archive->done, (end - archive->done) / PV_PAGE);
    archive->done = end;
}

static int adopt_pages(struct archive *archive, struct node *node, char *data, size_t pages)
{
    size_t from = (size_t)(data - archive->start);

    archive_free(archive, from);
    pv_pages_adopt(data, pages);
    archive->done = from + pages * PV_PAGE;
    for (size_t i = 0; i < pages; i++)
        if (!memory_page_set(node, i, data + i * PV_PAGE)) {
            for (; i < pages; i++)
                pv_pages_put(data + i * PV_PAGE);
            return -ENOMEM;
        }
    return 0;
}

/* Frees what lies before the data, the member's name too: do not use it after this. */
static int unpack_data(struct archive *archive, struct node *node, const struct member *member)
{
    size_t whole = 0;
    int rc = 0;

    if (!((uintptr_t)member->data % PV_PAGE)) {
        whole = member->size / PV_PAGE;
        rc = whole ? adopt_pages(archive, node, member->data, whole) : 0;
    }
    for (size_t at = whole * PV_PAGE; !rc && at < member->size; at += PV_PAGE) {
        size_t n = member->size - at;

        rc = copy_page(node, at / PV_PAGE, member->data + at, n < PV_PAGE ? n : PV_PAGE);
    }
    node->size = member->size;
    return rc;
}

static int unpack_link(struct node *node, const struct member *member)
{
    if (!member->size || member->size >= MICRO_PATH)
        return -EINVAL;
    node->target = pv_alloc(member->size + 1);
    if (!node->target)
        return -ENOMEM;
    pv_copy(node->target, member->data, member->size);
    return 0;
}

static void set_attributes(struct node *node, const struct member *member)
{
    node->mode = member->fields[MODE] & (S_IFMT | 07777);
    node->uid = member->fields[UID];
    node->gid = member->fields[GID];
    node->changed = member->fields[MTIME] * PV_SECOND;
}

/* A folder may be there already, made for a device or by an earlier archive. */
static int unpack_folder(struct node *parent, const char *name, const struct member *member)
{
    size_t n = pv_strlen(name);
    struct node *node = n ? node_child(parent, name, n) : parent;
    int rc = 0;

    if (!node) {
        node = node_new(S_IFDIR);
        rc = node ? node_link(parent, name, n, node) : -ENOMEM;
        if (node)
            node_put(node);
    }
    if (!rc)
        set_attributes(node, member);
    return rc;
}

static int unpack_file(struct archive *archive, struct node *parent, const char *name,
                       const struct member *member)
{
    bool link = (member->fields[MODE] & S_IFMT) == S_IFLNK;
    struct node *node;
    int rc;

    if (node_child(parent, name, pv_strlen(name)))
        return -EEXIST;
    if (!link && member->fields[NLINK] > 1)
        return -EOPNOTSUPP; /* a file with several names: cpio does not say which one has the data */
    node = node_new(S_IFREG);
    if (!node)
        return -ENOMEM;
    set_attributes(node, member);
    rc = node_link(parent, name, pv_strlen(name), node);
    if (!rc)
        rc = link ? unpack_link(node, member) : unpack_data(archive, node, member);
    node_put(node);
    return rc;
}

/* Device nodes are skipped: the drivers make their own. */
static int unpack_member(struct archive *archive, const struct member *member)
{
    const char *name;
    struct node *parent = node_make_folders(member->name, &name);

    if (!parent)
        return -ENOMEM;
    if (pv_streq(name, "."))
        name += 1;
    switch (member->fields[MODE] & S_IFMT) {
    case S_IFDIR:
        return unpack_folder(parent, name, member);
    case S_IFREG:
    case S_IFLNK:
        return unpack_file(archive, parent, name, member);
    default:
        return 0;
    }
}

/* Several archives may follow one another, with zeros between them. */
static void skip_zeros(struct archive *archive)
{
    while (archive->at < archive->size && !archive->start[archive->at])
        archive->at++;
}

int nodes_unpack(void *start, size_t size)
{
    struct archive archive = { .start = start, .size = size };
    int rc = 0;

    for (skip_zeros(&archive); !rc && archive.at < archive.size; skip_zeros(&archive)) {
        struct member member;

        rc = next_member(&archive, &member);
        if (!rc && !pv_streq(member.name, "TRAILER!!!"))
            rc = unpack_member(&archive, &member);
    }
    archive_free(&archive, (size + PV_PAGE - 1) & ~(PV_PAGE - 1));
    return rc;
}
