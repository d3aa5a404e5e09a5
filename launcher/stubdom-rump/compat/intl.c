/*
 * gettext's functions, for glib. There are no translations.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <libintl.h>
#include <stdint.h>

#define AS_IT_IS(text) ((char *)(uintptr_t)(text))

char *gettext(const char *text)
{
    return AS_IT_IS(text);
}

char *dgettext(const char *domain, const char *text)
{
    return AS_IT_IS(text);
}

char *dcgettext(const char *domain, const char *text, int category)
{
    return AS_IT_IS(text);
}

char *ngettext(const char *one, const char *many, unsigned long n)
{
    return AS_IT_IS(n == 1 ? one : many);
}

char *dngettext(const char *domain, const char *one, const char *many, unsigned long n)
{
    return AS_IT_IS(n == 1 ? one : many);
}

char *textdomain(const char *domain)
{
    return AS_IT_IS(domain);
}

char *bindtextdomain(const char *domain, const char *folder)
{
    return AS_IT_IS(folder);
}

char *bind_textdomain_codeset(const char *domain, const char *codeset)
{
    return AS_IT_IS(codeset);
}
