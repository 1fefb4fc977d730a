/* Makes every sync of a file fail as a broken disk does, while the file that FAIL_SYNC names exists.
 * A mounted file system fails its writes on demand, but not its syncs alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
  const char *mark = getenv("FAIL_SYNC");
  if (mark == NULL || access(mark, F_OK) != 0) return 0;
  errno = EIO;
  return 1;
}

int fdatasync(int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return fails() ? -1 : real(file);
}

int fsync(int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return fails() ? -1 : real(file);
}
