# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# What `cmake --install` and CPack put where. Included last: it looks at which programs are built.
# Components: programs (binaries, LibTorch), data (presets, licences, desktop files). The Python module is not among them.
set(TWILL_LIBRARY_DIR ${CMAKE_INSTALL_LIBDIR})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(TWILL_LIBRARY_DIR lib)
endif()
set(TWILL_DATA_DIR ${CMAKE_INSTALL_DATADIR}/twill)
set(TWILL_DOC_DIR ${CMAKE_INSTALL_DATADIR}/doc/twill)

# A LibTorch with CUDA is several GB and belongs to one driver: it is used where it stands.
if(TWILL_TORCH_CUDA_LIBRARY)
  set(bundle_default OFF)
else()
  set(bundle_default ON)
endif()
option(TWILL_BUNDLE_TORCH "Install LibTorch's CPU libraries beside the programs" ${bundle_default})

set(rpath "")
if(TWILL_HAS_TORCH AND TWILL_BUNDLE_TORCH)
  if(TWILL_TORCH_CUDA_LIBRARY)
    message(FATAL_ERROR "TWILL_BUNDLE_TORCH=ON but ${TWILL_TORCH_ROOT} has CUDA libraries; take a CPU build of PyTorch")
  endif()
  set(rpath "$ORIGIN/../${TWILL_LIBRARY_DIR}/twill")
  foreach(library IN ITEMS "${TWILL_TORCH_CPU_LIBRARY}" "${TWILL_C10_LIBRARY}")
    file(REAL_PATH "${library}" real)  # a wheel may be made of links
    get_filename_component(name "${library}" NAME)
    install(FILES "${real}" RENAME "${name}" DESTINATION ${TWILL_LIBRARY_DIR}/twill COMPONENT programs)
  endforeach()
  file(GLOB torch_licences LIST_DIRECTORIES TRUE "${TWILL_TORCH_ROOT}/../torch-*.dist-info/licenses")
  if(NOT torch_licences)
    set(torch_licences "${TWILL_TORCH_ROOT}/LICENSE")
  endif()
  foreach(licence IN LISTS torch_licences)
    if(IS_DIRECTORY "${licence}")
      install(DIRECTORY "${licence}/" DESTINATION ${TWILL_DOC_DIR}/licences/pytorch COMPONENT data)
    elseif(EXISTS "${licence}")
      install(FILES "${licence}" DESTINATION ${TWILL_DOC_DIR}/licences/pytorch COMPONENT data)
    else()
      message(WARNING "the licences of LibTorch were not found beside ${TWILL_TORCH_ROOT}: a package must carry them")
    endif()
  endforeach()
elseif(TWILL_HAS_TORCH)
  set(rpath "${TWILL_TORCH_ROOT}/lib")
endif()
foreach(program IN ITEMS twill_cli twill_studio)
  if(TARGET ${program})
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "${rpath}")
  endif()
endforeach()

install(DIRECTORY presets/ DESTINATION ${TWILL_DATA_DIR}/presets COMPONENT data
  FILES_MATCHING PATTERN "*.json" PATTERN "*.safetensors" PATTERN "prompts_*.txt"
  PATTERN "makers" EXCLUDE PATTERN "pictures" EXCLUDE PATTERN "sources" EXCLUDE PATTERN "metrics.json" EXCLUDE
  PATTERN "__pycache__" EXCLUDE)
install(FILES LICENSE CHANGELOG.md DESTINATION ${TWILL_DOC_DIR} COMPONENT data)
install(FILES presets/sources/README.md RENAME preset-sources.md DESTINATION ${TWILL_DOC_DIR} COMPONENT data)
install(DIRECTORY installer/licences/ DESTINATION ${TWILL_DOC_DIR}/licences COMPONENT data)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  install(FILES installer/linux/copyright DESTINATION ${TWILL_DOC_DIR} COMPONENT data)
  if(TARGET twill_studio)
    file(STRINGS CHANGELOG.md release REGEX "^## ${PROJECT_VERSION} - " LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+-[0-9]+-[0-9]+$" TWILL_RELEASE_DATE "${release}")
    configure_file(installer/linux/invalid.twill.Studio.metainfo.xml invalid.twill.Studio.metainfo.xml @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/invalid.twill.Studio.metainfo.xml"
            DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo COMPONENT data)
    install(FILES installer/linux/twill-studio.desktop
            DESTINATION ${CMAKE_INSTALL_DATADIR}/applications COMPONENT data)
    install(FILES installer/linux/twill-studio.svg
            DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps COMPONENT data)
    install(FILES installer/linux/twill-plan.xml RENAME twill.xml
            DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages COMPONENT data)
  endif()
endif()

set(CPACK_PACKAGE_NAME twill)
set(CPACK_PACKAGE_VENDOR "The Twill authors")
set(CPACK_PACKAGE_CONTACT "The Twill authors <twill@twill.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
  "Finds which attention shape each head of a video diffusion transformer keeps to, writes it into a plan, and runs the "
  "model by it. Holds the command line twill, presets for popular models, and a small demo model.")
string(CONCAT CPACK_PACKAGE_DESCRIPTION ${CPACK_PACKAGE_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_THREADS 0)
set(CPACK_VERBATIM_VARIABLES ON)
# One package of everything but the Python module; what names no component counts as "Unspecified".
set(CPACK_COMPONENTS_ALL programs data Unspecified)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)

if(WIN32)
  # Not tried yet: installer/README.md says what is missing.
  set(CPACK_GENERATOR NSIS ZIP)
  set(CPACK_NSIS_DISPLAY_NAME "Twill")
  set(CPACK_NSIS_ENABLE_UNINSTALL_BEFORE_INSTALL ON)
  set(CPACK_NSIS_MODIFY_PATH ON)
  set(CPACK_PACKAGE_EXECUTABLES twill-studio "Twill Studio")
else()
  set(CPACK_GENERATOR DEB TGZ)
  set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_SOURCE_DIR}/installer/cmake/cpack_options.cmake")
  set(CPACK_PACKAGE_FILE_NAME "twill-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SECTION video)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${TWILL_TORCH_ROOT}/lib")
  set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
endif()
include(CPack)
