/* html_attributes.c: attributes by name, decoded when asked for. */
#include "lib/spam/view/html_attributes.h"
#include "lib/spam/view/html_entities.h"
#include <string.h>

gboolean
html_attribute_named(const struct html_attribute *attribute, const char *name)
{
    gsize length = strlen(name);

    return attribute->name_length == length && g_ascii_strncasecmp(attribute->name, name, length) == 0;
}

struct spam_string *
html_attribute_value(const struct html_attributes *attributes, const struct html_attribute *attribute)
{
    if (attribute->value == NULL)
        return spam_string_new((struct spam_slice){attribute->name, attribute->name_length, attributes->is_chars});
    return html_entities_decode((struct spam_slice){attribute->value, attribute->value_length, attributes->is_chars}, FALSE,
                                attributes->utf8_bytes);
}

struct spam_string *
html_attributes_get(const struct html_attributes *attributes, const char *name)
{
    for (guint i = 0; i < attributes->count; i++)
        if (html_attribute_named(&attributes->list[i], name))
            return html_attribute_value(attributes, &attributes->list[i]);
    return NULL;
}
