# MindSpore Lite below MINDSPORE_LITE_HOME, as the target MindSporeLite: an unpacked release archive (runtime/include and
# runtime/lib) or an unpacked Python wheel (mindspore_lite/include and mindspore_lite/lib).
find_path(MindSporeLite_INCLUDE_DIR include/api/model.h
          HINTS "${MINDSPORE_LITE_HOME}" PATH_SUFFIXES runtime mindspore_lite NO_DEFAULT_PATH)
find_library(MindSporeLite_LIBRARY NAMES mindspore-lite mindspore-extendrt mindspore-extendrt_python
             HINTS "${MindSporeLite_INCLUDE_DIR}/lib" NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
set(FIND_PACKAGE_MESSAGE_DETAILS_MindSporeLite TRUE)
find_package_handle_standard_args(MindSporeLite REQUIRED_VARS MindSporeLite_LIBRARY MindSporeLite_INCLUDE_DIR)
if(MindSporeLite_FOUND AND NOT TARGET MindSporeLite)
  get_filename_component(MindSporeLite_LIBRARY_DIR "${MindSporeLite_LIBRARY}" DIRECTORY)
  add_library(MindSporeLite INTERFACE)
  target_include_directories(MindSporeLite SYSTEM INTERFACE "${MindSporeLite_INCLUDE_DIR}")
  # The libraries of the device plug-ins are not linked against here; they are found when a device is asked for.
  target_link_options(MindSporeLite INTERFACE -Wl,--allow-shlib-undefined)
  target_link_libraries(MindSporeLite INTERFACE "${MindSporeLite_LIBRARY}")
endif()
