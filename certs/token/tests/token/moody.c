/* A PKCS#11 module around SoftHSM that behaves as tokens do when they trouble their users. What it does, files in the
 * folder MOODY say:
 *
 *   absent   the token is not there: calls fail with CKR_TOKEN_NOT_PRESENT
 *   hang     signatures wait until the file is gone
 *   slow     a signature takes 20 ms
 *   signed   one byte for each signature while it is slow
 *   fail     the next signature fails with the code that the file holds, in hexadecimal; then the file is gone
 *   begun    one byte for each time that the module was initialised
 *   logins   one byte for each PIN that was tried
 *   wrong    one byte for each PIN that was wrong; after three the PIN is locked, the last of them is announced
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong;
typedef ulong (*function)();

struct list {
    unsigned char version[2];
    function at[68];
};

struct token_info {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    ulong flags;
};

enum { INITIALIZE = 0, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, LOGIN = 18, SIGN_INIT = 42, SIGN = 43, GET_FUNCTION_LIST = 3 };
enum { OK = 0, TOKEN_NOT_PRESENT = 0xe0, PIN_INCORRECT = 0xa0, PIN_LOCKED = 0xa4 };
enum { FINAL_TRY = 0x20000, LOCKED = 0x40000, TRIES = 3 };

static struct list *real, ours;

static const char *path(const char *name, char *room) {
    snprintf(room, 4096, "%s/%s", getenv("MOODY"), name);
    return room;
}

static int is(const char *name) {
    char room[4096];
    return access(path(name, room), F_OK) == 0;
}

static long count(const char *name) {
    char room[4096];
    FILE *file = fopen(path(name, room), "r");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    fclose(file);
    return bytes;
}

static void note(const char *name) {
    char room[4096];
    FILE *file = fopen(path(name, room), "a");
    if (!file) abort();
    fputc('x', file);
    fclose(file);
}

static ulong initialize(void *arguments) {
    note("begun");
    return real->at[INITIALIZE](arguments);
}

static ulong get_token_info(ulong slot, struct token_info *info) {
    if (is("absent")) return TOKEN_NOT_PRESENT;
    ulong rv = real->at[GET_TOKEN_INFO](slot, info);
    if (rv == OK && count("wrong") == TRIES - 1) info->flags |= FINAL_TRY;
    if (rv == OK && count("wrong") >= TRIES) info->flags |= LOCKED;
    return rv;
}

static ulong open_session(ulong slot, ulong flags, void *application, void *notify, ulong *session) {
    if (is("absent")) return TOKEN_NOT_PRESENT;
    return real->at[OPEN_SESSION](slot, flags, application, notify, session);
}

static ulong login(ulong session, ulong user, unsigned char *pin, ulong length) {
    note("logins");
    if (count("wrong") >= TRIES) return PIN_LOCKED;
    ulong rv = real->at[LOGIN](session, user, pin, length);
    if (rv == PIN_INCORRECT) {
        note("wrong");
        if (count("wrong") >= TRIES) return PIN_LOCKED;
    }
    return rv;
}

static ulong sign_init(ulong session, void *mechanism, ulong key) {
    char room[4096];
    ulong code = 0;
    if (is("absent")) return TOKEN_NOT_PRESENT;
    FILE *file = fopen(path("fail", room), "r");
    if (file) {
        if (fscanf(file, "%lx", &code) != 1) abort();
        fclose(file);
        unlink(room);
        return code;
    }
    return real->at[SIGN_INIT](session, mechanism, key);
}

static ulong sign(ulong session, void *data, ulong length, void *signature, ulong *signature_length) {
    while (is("hang")) usleep(2000);
    /* The length alone is asked for first. */
    if (signature && is("slow")) {
        usleep(20000);
        note("signed");
    }
    return real->at[SIGN](session, data, length, signature, signature_length);
}

ulong C_GetFunctionList(struct list **list) {
    if (!real) {
        void *library = dlopen(getenv("MOODY_MODULE"), RTLD_NOW);
        if (!library) return 0x5;
        function get = (function)dlsym(library, "C_GetFunctionList");
        if (!get || get(&real) != OK) return 0x5;
        memcpy(&ours, real, sizeof ours);
        ours.at[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
        ours.at[INITIALIZE] = (function)initialize;
        ours.at[GET_TOKEN_INFO] = (function)get_token_info;
        ours.at[OPEN_SESSION] = (function)open_session;
        ours.at[LOGIN] = (function)login;
        ours.at[SIGN_INIT] = (function)sign_init;
        ours.at[SIGN] = (function)sign;
    }
    *list = &ours;
    return OK;
}
