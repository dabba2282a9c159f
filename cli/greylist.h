/* greylist.h: the parts of `postern greylist` that have files of their own. */
#pragma once

int greylist_import(int argc, char **argv, const char *config_path);
