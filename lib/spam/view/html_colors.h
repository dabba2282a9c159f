/* html_colors.h: colours as SpamAssassin reads them from HTML attributes and CSS. Thread-safe; nothing kept. */
#pragma once
#include "lib/spam/view/spam_string.h"

/* 0xRRGGBB, or one of these. */
#define HTML_COLOR_INVALID (-1)
#define HTML_COLOR_EMPTY (-2) /* "#" without digits */

/* A name, #hex of any length, or rgb(): as name_to_rgb of SpamAssassin reads an attribute. */
gint32 html_color_read(struct spam_slice text);
/* "rgb(1,2,3)" and the like within a CSS color property: numbers parted by commas, whatever else is there. */
gint32 html_color_rgb_loose(struct spam_slice text);
/* The first value of the last layer of a CSS background (lower case is made here) that is a colour, or INVALID.
 * *broken: no value at all, at which SpamAssassin's reading of the whole document ends. */
gint32 html_color_background(struct spam_slice text, gboolean *broken);
/* TRUE when text of the one on the other cannot be told from it. */
gboolean html_colors_close(gint32 foreground, gint32 background);
