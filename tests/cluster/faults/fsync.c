/* Makes every fsync and fdatasync of a process fail with EIO from the moment a switch exists, as on a disk that
 * can no longer keep its promise. Loaded with LD_PRELOAD; TALLY_FAULT_SWITCH names the switch, a file. Each failed
 * call is one line in "<switch>.log": the call and the file. That the kernel takes such pages for clean afterwards
 * is why nobody may simply call again, and why the test counts the lines. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(int fd, const char *call)
{
	const char *fault = getenv("TALLY_FAULT_SWITCH");
	char link[64], path[2048], log[2048], line[4200];
	ssize_t length;
	int out;

	if (!fault || access(fault, F_OK) != 0)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof path - 1);
	path[length < 0 ? 0 : length] = 0;
	snprintf(log, sizeof log, "%s.log", fault);
	length = snprintf(line, sizeof line, "%s %s\n", call, path);
	out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (out >= 0) {
		if (write(out, line, length) != length)
			abort();
		close(out);
	}
	errno = EIO;
	return 1;
}

int fsync(int fd)
{
	return fails(fd, "fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(fd, "fdatasync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}
