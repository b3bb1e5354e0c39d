// Linked into the static binary only: names of hosts and users come from files and DNS, whatever nsswitch.conf says.
// Other modules are shared libraries of the system's glibc, and a program with another one inside crashes in them. With
// systemd, hosts are looked up in such modules by default.
#include <nss.h>

__attribute__((constructor)) static void without_modules(void) {
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
}
