/* html_attributes.h: the attributes of a start tag as SpamAssassin's parser hands them on: names in lower case, the first of a
 * name counts, entities decoded, a missing value is the name. Thread-safe; an attributes value lives as long as its tag's event. */
#pragma once
#include "lib/spam/view/html_tokens.h"
#include "lib/spam/view/spam_string.h"

struct html_attributes {
    const struct html_attribute *list;
    guint count;
    gboolean is_chars, utf8_bytes; /* of the document; see html_entities.h */
};

gboolean html_attribute_named(const struct html_attribute *attribute, const char *name); /* lower case */
/* Caller frees. */
struct spam_string *html_attribute_value(const struct html_attributes *attributes, const struct html_attribute *attribute);
struct spam_string *html_attributes_get(const struct html_attributes *attributes, const char *name); /* NULL: absent; else caller frees */
