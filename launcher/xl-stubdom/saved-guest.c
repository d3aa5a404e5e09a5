/*
 * saved-guest: what the file that a guest is restored from says about it. See saved-guest.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "saved-guest.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"

#define MAGIC "Xen saved domain, xl format\n \0 \r" /* 32 octets, no NUL behind */
#define XL_BYTE_ORDER 0x01020304u
#define HAS_JSON 1u /* XL_MANDATORY_FLAG_JSON */
#define CONFIG_MAX (16u << 20)

struct header {
    char magic[32];
    uint32_t byte_order, mandatory, optional, optional_len;
    uint32_t config_len; /* the first of the optional data */
};

static void put_json(struct json_object **object)
{
    json_object_put(*object);
}

/* The text at section.key, a copy; NULL when there is none. */
static char *text_of(struct json_object *config, const char *section, const char *key)
{
    struct json_object *object = NULL, *value = NULL;

    if (!json_object_object_get_ex(config, section, &object) ||
        !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return strdup(json_object_get_string(value));
}

static int take_config(struct saved_guest *guest, const char *text)
{
    struct json_object *config __attribute__((cleanup(put_json))) = json_tokener_parse(text);
    cleanup_free char *stub = NULL, *version = NULL, *type = NULL;

    if (!config)
        return -EINVAL;
    stub = text_of(config, "b_info", "device_model_stubdomain");
    version = text_of(config, "b_info", "device_model_version");
    type = text_of(config, "c_info", "type");
    guest->hvm = type && !strcmp(type, "hvm");
    guest->name = text_of(config, "c_info", "name");
    guest->uuid = text_of(config, "c_info", "uuid");
    guest->kernel = text_of(config, "b_info", "stubdomain_kernel");
    guest->ramdisk = text_of(config, "b_info", "stubdomain_ramdisk");
    guest->stub_domain = stub && !strcmp(stub, "True") && version && !strcmp(version, "qemu_xen");
    return guest->name ? 0 : -ENOENT;
}

int saved_guest_read(struct saved_guest *guest, const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    struct header header;

    memset(guest, 0, sizeof(*guest));
    if (fd < 0)
        return -errno;
    if (read(fd, &header, sizeof(header)) != sizeof(header) ||
        memcmp(header.magic, MAGIC, sizeof(header.magic)) || header.byte_order != XL_BYTE_ORDER ||
        !(header.mandatory & HAS_JSON) || header.config_len > CONFIG_MAX)
        return -EINVAL;
    text = calloc(1, header.config_len + 1);
    if (!text)
        return -ENOMEM;
    if (read(fd, text, header.config_len) != (ssize_t)header.config_len)
        return -EINVAL;
    return take_config(guest, text);
}

void saved_guest_dispose(struct saved_guest *guest)
{
    free(guest->name);
    free(guest->uuid);
    free(guest->kernel);
    free(guest->ramdisk);
    memset(guest, 0, sizeof(*guest));
}
