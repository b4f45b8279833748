# Writes a file for ctest with one test for each store that PROGRAM's tests named "Every/…/<store>" have as a parameter:
# cmake -D PROGRAM=test_store -D LISTED=file -P TestsByStore.cmake. Run after each build of the program, so that a store
# that is new in the contract suite is never forgotten.
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests --gtest_filter=Every/* OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\n  [A-Za-z0-9_]+/[A-Za-z0-9_]+" cases "${said}")
list(TRANSFORM cases REPLACE "^.*/" "")
list(REMOVE_DUPLICATES cases)
list(LENGTH cases count)
if(count EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} lists no test that has a store as its parameter")
endif()
set(tests "")
foreach(store IN LISTS cases)
  string(APPEND tests "add_test([[contract.${store}]] [[${PROGRAM}]] [[--gtest_filter=Every/*/${store}]])\n"
                      "set_tests_properties([[contract.${store}]] PROPERTIES TIMEOUT 600)\n")
endforeach()
file(WRITE "${LISTED}" "${tests}")
