dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl The options of a developer's build: --enable-asan, --enable-ubsan, --enable-werror.
AC_DEFUN([XG_DEBUG_OPTIONS], [
  XG_CFLAGS="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
  XG_CFLAGS="$XG_CFLAGS -Wwrite-strings -Wvla -Wformat=2 -fno-common -fstack-protector-strong"
  XG_SAN=""
  AC_ARG_ENABLE([asan], [AS_HELP_STRING([--enable-asan], [build with the address sanitizer])])
  AC_ARG_ENABLE([ubsan], [AS_HELP_STRING([--enable-ubsan], [build with the undefined-behaviour sanitizer])])
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])])
  AS_IF([test "x$enable_asan" = xyes], [XG_SAN="$XG_SAN -fsanitize=address"])
  AS_IF([test "x$enable_ubsan" = xyes], [XG_SAN="$XG_SAN -fsanitize=undefined -fno-sanitize-recover=undefined"])
  AS_IF([test "x$XG_SAN" != x], [XG_SAN="$XG_SAN -fno-omit-frame-pointer"])
  AS_IF([test "x$enable_werror" = xyes], [XG_CFLAGS="$XG_CFLAGS -Werror"])
  AC_SUBST([XG_CFLAGS])
  AC_SUBST([XG_SAN])
])
