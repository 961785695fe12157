/* Writes down, in order, what a process does to the files below a folder: every create, write, truncate, rename,
 * unlink and fsync, and what it says on its standard output. Loaded with LD_PRELOAD. TALLY_JOURNAL names the
 * journal, TALLY_JOURNAL_ROOT the folder. One lock is held over each call and its record, so that the order in
 * the journal is the order in which the calls took place.
 *
 * record = op (1) . length of path (4) . offset (8) . length of data (4) . path . data     little-endian
 * op     = c created  w written at offset  t cut to offset  r renamed to data  u unlinked  s fsynced  a said
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;

static void put(char op, const char *path, uint64_t offset, const void *data, uint32_t length)
{
	uint32_t named = strlen(path);
	char head[17];
	struct iovec parts[3];

	if (journal < 0) {
		const char *file = getenv("TALLY_JOURNAL");
		if (!file)
			return;
		journal = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (journal < 0)
			abort();
	}
	head[0] = op;
	memcpy(head + 1, &named, 4);
	memcpy(head + 5, &offset, 8);
	memcpy(head + 13, &length, 4);
	parts[0].iov_base = head;
	parts[0].iov_len = sizeof head;
	parts[1].iov_base = (void *)path;
	parts[1].iov_len = named;
	parts[2].iov_base = (void *)data;
	parts[2].iov_len = length;
	if (syscall(SYS_writev, journal, parts, 3) != (long)(sizeof head + named + length))
		abort();
}

static int watched(const char *path)
{
	const char *root = getenv("TALLY_JOURNAL_ROOT");
	return root && strncmp(path, root, strlen(root)) == 0;
}

/* The path of an open file that is watched; 0 for any other. */
static int path_of(int fd, char *path, size_t room)
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, path, room - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	return watched(path);
}

static int opened(const char *path, int flags, int mode)
{
	int there, fd;

	if (!watched(path))
		return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	pthread_mutex_lock(&lock);
	there = access(path, F_OK) == 0;
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd >= 0 && (flags & O_CREAT) && !there)
		put('c', path, 0, "", 0);
	else if (fd >= 0 && (flags & O_TRUNC))
		put('t', path, 0, "", 0);
	pthread_mutex_unlock(&lock);
	return fd;
}

#define OPEN(name)                                       \
	int name(const char *path, int flags, ...)       \
	{                                                \
		va_list more;                            \
		int mode;                                \
		va_start(more, flags);                   \
		mode = va_arg(more, int);                \
		va_end(more);                            \
		return opened(path, flags, mode);        \
	}
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *data, size_t length)
{
	char path[4096];
	struct stat now;
	ssize_t done;
	uint64_t offset;

	if (fd == 1) {
		pthread_mutex_lock(&lock);
		done = syscall(SYS_write, fd, data, length);
		if (done > 0)
			put('a', "", 0, data, done);
		pthread_mutex_unlock(&lock);
		return done;
	}
	if (!path_of(fd, path, sizeof path))
		return syscall(SYS_write, fd, data, length);
	pthread_mutex_lock(&lock);
	if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &now) == 0)
		offset = now.st_size;
	else
		offset = lseek(fd, 0, SEEK_CUR);
	done = syscall(SYS_write, fd, data, length);
	if (done > 0)
		put('w', path, offset, data, done);
	pthread_mutex_unlock(&lock);
	return done;
}

static ssize_t written_at(int fd, const void *data, size_t length, off_t offset)
{
	char path[4096];
	ssize_t done;

	if (!path_of(fd, path, sizeof path))
		return syscall(SYS_pwrite64, fd, data, length, offset);
	pthread_mutex_lock(&lock);
	done = syscall(SYS_pwrite64, fd, data, length, offset);
	if (done > 0)
		put('w', path, offset, data, done);
	pthread_mutex_unlock(&lock);
	return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
	return written_at(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset)
{
	return written_at(fd, data, length, offset);
}

static int cut(int fd, off_t length)
{
	char path[4096];
	int done;

	if (!path_of(fd, path, sizeof path))
		return syscall(SYS_ftruncate, fd, length);
	pthread_mutex_lock(&lock);
	done = syscall(SYS_ftruncate, fd, length);
	if (done == 0)
		put('t', path, length, "", 0);
	pthread_mutex_unlock(&lock);
	return done;
}

int ftruncate(int fd, off_t length)
{
	return cut(fd, length);
}

int ftruncate64(int fd, off_t length)
{
	return cut(fd, length);
}

int rename(const char *from, const char *to)
{
	int done;

	pthread_mutex_lock(&lock);
	done = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	if (done == 0 && watched(from))
		put('r', from, 0, to, strlen(to));
	pthread_mutex_unlock(&lock);
	return done;
}

int unlink(const char *path)
{
	int done;

	pthread_mutex_lock(&lock);
	done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (done == 0 && watched(path))
		put('u', path, 0, "", 0);
	pthread_mutex_unlock(&lock);
	return done;
}

static int synced(int fd, long call)
{
	char path[4096];
	int done;

	/* The record comes after the call: before it returns nobody may build on it. */
	done = syscall(call, fd);
	if (done == 0 && path_of(fd, path, sizeof path)) {
		pthread_mutex_lock(&lock);
		put('s', path, 0, "", 0);
		pthread_mutex_unlock(&lock);
	}
	return done;
}

int fsync(int fd)
{
	return synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync);
}
