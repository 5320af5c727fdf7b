// SPDX-License-Identifier: MIT
/*
 * lab-acl: POSIX ACLs as text, and programs run with any user and groups. A failed call prints its name and the error's,
 * and ends with 1.
 *
 *   lab-acl get PATH [default]           one entry a line, or "none"
 *   lab-acl set PATH ENTRIES [default]   entries with commas between them, in the order in which they are given
 *   lab-acl remove PATH [default]
 *   lab-acl as UID GID[,GID...] PROGRAM [ARGUMENT...]   the first group is the primary one
 *
 * An entry is TAG:ID:PERMISSIONS with u, g, m or o for its tag; without an id it is the owner's or the owning group's:
 * u::rwx,u:1000:r-x,g::r--,m::rwx,o::---
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };
enum { VERSION = 2, MAX_ENTRIES = 500, MAX_GROUPS = 32 };

struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[MAX_ENTRIES];
};

static int failed(const char *call)
{
	printf("%s: %s\n", call, strerrorname_np(errno));
	return 1;
}

static int usage(void)
{
	fputs("lab-acl: get PATH [default], set PATH ENTRIES [default], remove PATH [default],\n"
	      "as UID GID[,GID...] PROGRAM [ARGUMENT...]\n", stderr);
	return 2;
}

static const char *name_of(const char *which)
{
	return which && !strcmp(which, "default") ? "system.posix_acl_default" : "system.posix_acl_access";
}

static int get(const char *path, const char *which)
{
	struct acl acl;
	ssize_t size = getxattr(path, name_of(which), &acl, sizeof acl);

	if (size < 0 && errno == ENODATA)
		return puts("none") < 0;
	if (size < 0)
		return failed("getxattr");
	for (size_t i = 0; i < (size - sizeof acl.version) / sizeof acl.entry[0]; i++) {
		unsigned tag = acl.entry[i].tag, perm = acl.entry[i].perm;

		printf("%c:", tag & (USER_OBJ | USER) ? 'u' : tag & (GROUP_OBJ | GROUP) ? 'g' : tag == MASK ? 'm' : 'o');
		if (tag & (USER | GROUP))
			printf("%u", acl.entry[i].id);
		printf(":%c%c%c\n", perm & 4 ? 'r' : '-', perm & 2 ? 'w' : '-', perm & 1 ? 'x' : '-');
	}
	return 0;
}

static int set(const char *path, char *text, const char *which)
{
	struct acl acl = {.version = VERSION};
	size_t count = 0;

	for (char *entry = strtok(text, ","); entry && count < MAX_ENTRIES; entry = strtok(NULL, ","), count++) {
		char *id = strchr(entry, ':'), *perm = id ? strchr(id + 1, ':') : NULL;
		int named;

		if (!perm)
			return usage();
		named = perm > id + 1;
		acl.entry[count].tag = *entry == 'u'   ? (named ? USER : USER_OBJ)
				       : *entry == 'g' ? (named ? GROUP : GROUP_OBJ)
				       : *entry == 'm' ? MASK
						       : OTHER;
		acl.entry[count].id = named ? strtoul(id + 1, NULL, 10) : UINT32_MAX;
		acl.entry[count].perm =
			(strchr(perm, 'r') ? 4 : 0) | (strchr(perm, 'w') ? 2 : 0) | (strchr(perm, 'x') ? 1 : 0);
	}
	if (setxattr(path, name_of(which), &acl, sizeof acl.version + count * sizeof acl.entry[0], 0))
		return failed("setxattr");
	return 0;
}

static int as(uid_t uid, char *list, char **argv)
{
	gid_t groups[MAX_GROUPS];
	size_t count = 0;

	for (char *group = strtok(list, ","); group && count < MAX_GROUPS; group = strtok(NULL, ","))
		groups[count++] = strtoul(group, NULL, 10);
	if (!count)
		return usage();
	if (setgroups(count, groups) || setresgid(groups[0], groups[0], groups[0]) || setresuid(uid, uid, uid))
		return failed("setresuid");
	execvp(argv[0], argv);
	return failed("execvp");
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "get"))
		return get(argv[2], argv[3]);
	if (argc > 3 && !strcmp(argv[1], "set"))
		return set(argv[2], argv[3], argv[4]);
	if (argc > 2 && !strcmp(argv[1], "remove"))
		return removexattr(argv[2], name_of(argv[3])) ? failed("removexattr") : 0;
	if (argc > 4 && !strcmp(argv[1], "as"))
		return as(strtoul(argv[2], NULL, 10), argv[3], argv + 4);
	return usage();
}
