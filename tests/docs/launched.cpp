// The program of the README that Erlang's peer can start.
#include <ergo/launch.hpp>

#include <iostream>

#include "readme_launched.inc"

int main(int argc, char** argv) { return serve(argc, argv); }
