# The libraries that the core stands on, all from the system's packages:
#   libssl-dev (static: node exports an OpenSSL of its own, and a shared one would be replaced by it),
#   libhiredis-dev (static), liblmdb-dev (shared: Debian's archive is not position-independent),
#   nlohmann-json3-dev, zlib1g-dev (shared; where node has a zlib of its own, that one answers).
# The installed package reads this file too (coatcheckConfig.cmake), to find the same libraries again.
if(COATCHECK_STATIC_OPENSSL)
  set(OPENSSL_USE_STATIC_LIBS TRUE)
endif()
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

find_path(LMDB_INCLUDE_DIR lmdb.h REQUIRED)
find_library(LMDB_LIBRARY lmdb REQUIRED)
if(NOT TARGET coatcheck_lmdb)
  add_library(coatcheck_lmdb INTERFACE IMPORTED GLOBAL)
  target_include_directories(coatcheck_lmdb SYSTEM INTERFACE "${LMDB_INCLUDE_DIR}")
  target_link_libraries(coatcheck_lmdb INTERFACE "${LMDB_LIBRARY}")
endif()

find_path(HIREDIS_INCLUDE_DIR hiredis/hiredis.h REQUIRED)
find_library(HIREDIS_LIBRARY NAMES libhiredis.a hiredis REQUIRED)
if(NOT TARGET coatcheck_hiredis)
  add_library(coatcheck_hiredis INTERFACE IMPORTED GLOBAL)
  target_include_directories(coatcheck_hiredis SYSTEM INTERFACE "${HIREDIS_INCLUDE_DIR}")
  target_link_libraries(coatcheck_hiredis INTERFACE "${HIREDIS_LIBRARY}")
endif()
