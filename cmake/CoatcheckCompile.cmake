# Warnings and sanitizers for our own targets: link coatcheck_compile privately.
add_library(coatcheck_compile INTERFACE)
target_compile_options(coatcheck_compile INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wnon-virtual-dtor -Woverloaded-virtual)
# GCC 12 takes std::string's own append for an overlap (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(coatcheck_compile INTERFACE -Wno-restrict)
endif()
if(COATCHECK_WERROR)
  target_compile_options(coatcheck_compile INTERFACE -Werror)
endif()
if(COATCHECK_SANITIZE)
  target_compile_options(coatcheck_compile INTERFACE -fsanitize=${COATCHECK_SANITIZE} -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer -g)
  target_link_options(coatcheck_compile INTERFACE -fsanitize=${COATCHECK_SANITIZE})
endif()

# Headers are most of what a source costs to compile. For a first build, sources share them in one unit. A target whose
# sources have names in common says which of them go together, or which stays by itself:
#   coatcheck_unity(target GROUPS "a.cc b.cc" "c.cc d.cc" ALONE e.cc)
function(coatcheck_unity target)
  if(NOT COATCHECK_QUICK_BUILD)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "GROUPS;ALONE" ${ARGN})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  foreach(group IN LISTS ARG_GROUPS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    separate_arguments(sources UNIX_COMMAND "${group}")
    list(GET sources 0 first)
    get_filename_component(name "${first}" NAME_WE)
    set_source_files_properties(${sources} PROPERTIES UNITY_GROUP "${name}")
  endforeach()
  if(ARG_ALONE)
    set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A class of one source may have members of the source's own types; in a unit the compiler can't tell.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# One part of the core, as an object library: coatcheck_part(crypto SOURCES … LIBS … ALONE …). ALONE: sources that share no
# unit with others.
# Parts see the public headers and core/src; which part may use which is held by tests/core/house_test.
function(coatcheck_part name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;ALONE" ${ARGN})
  add_library(coatcheck_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(coatcheck_${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include>"
                             PRIVATE "${PROJECT_SOURCE_DIR}/core/src")
  target_link_libraries(coatcheck_${name} PRIVATE coatcheck_compile ${ARG_LIBS})
  coatcheck_unity(coatcheck_${name} ALONE ${ARG_ALONE})
endfunction()

# A GoogleTest program from every .cc file of tests/core/<name>: coatcheck_test(crypto PARTS crypto LIBS …). Each test
# runs in a process of its own; those that match a pattern of TOGETHER in one, for their set-up takes seconds; and with
# BY_STORE those that have a store as their parameter in one for each store, as "contract.<store>", for the same reason.
function(coatcheck_test name)
  cmake_parse_arguments(ARG "BY_STORE" "" "PARTS;LIBS;DIRS;TOGETHER" ${ARGN})
  set(sources "")
  foreach(dir IN LISTS ARG_DIRS ITEMS "${PROJECT_SOURCE_DIR}/tests/core/${name}")
    file(GLOB found CONFIGURE_DEPENDS "${dir}/*.cc")
    list(APPEND sources ${found})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/core/src" "${PROJECT_SOURCE_DIR}/core/include"
                             "${PROJECT_SOURCE_DIR}/tests")
  # What is measured is the core; the tests themselves need not be quick.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(test_${name} PRIVATE COATCHECK_VECTORS="${PROJECT_SOURCE_DIR}/tests/vectors"
                             COATCHECK_SOURCE="${PROJECT_SOURCE_DIR}")
  foreach(part IN LISTS ARG_PARTS)
    target_link_libraries(test_${name} PRIVATE coatcheck_${part})
  endforeach()
  target_link_libraries(test_${name} PRIVATE coatcheck_compile ${ARG_LIBS} OpenSSL::SSL OpenSSL::Crypto
                        nlohmann_json::nlohmann_json coatcheck_lmdb coatcheck_hiredis Threads::Threads GTest::gtest GTest::gtest_main)
  include(GoogleTest)
  set(each "")
  set(apart "")
  foreach(pattern IN LISTS ARG_TOGETHER)
    string(APPEND apart "*${pattern}*:")
    string(REPLACE "*" "." label "${pattern}")
    add_test(NAME "${name}.${label}" COMMAND test_${name} "--gtest_filter=*${pattern}*")
  endforeach()
  if(ARG_BY_STORE)
    string(APPEND apart "Every/*:")
    set(listed "${CMAKE_CURRENT_BINARY_DIR}/test_${name}_by_store.cmake")
    add_custom_command(TARGET test_${name} POST_BUILD VERBATIM
                       COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:test_${name}> -D LISTED=${listed}
                               -P "${PROJECT_SOURCE_DIR}/cmake/TestsByStore.cmake")
    file(WRITE "${listed}.in" "include(\"${listed}\" OPTIONAL)\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${listed}.in")
  endif()
  if(apart)
    set(each TEST_FILTER "-${apart}")
  endif()
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 ${each} PROPERTIES TIMEOUT 300)
endfunction()
