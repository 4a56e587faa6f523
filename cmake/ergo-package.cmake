# Installation: libraries, headers, find_package(ergo) with one component per room, and a pkg-config file per room.
include_guard(GLOBAL)

function(ergo_install_package)
endfunction()
