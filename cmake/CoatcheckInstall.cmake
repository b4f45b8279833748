# Installs the C++ library as a CMake package: find_package(coatcheck) gives coatcheck::coatcheck.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(coatcheck_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/coatcheck")

install(TARGETS coatcheck EXPORT coatcheckTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/core/include/coatcheck" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT coatcheckTargets NAMESPACE coatcheck:: DESTINATION "${coatcheck_package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/coatcheckConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/coatcheckConfig.cmake" INSTALL_DESTINATION "${coatcheck_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/coatcheckConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/coatcheckConfig.cmake" "${PROJECT_BINARY_DIR}/coatcheckConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/CoatcheckDependencies.cmake"
        DESTINATION "${coatcheck_package_dir}")
