// The stores that need no server, for the contract suite: memory and LMDB.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <unistd.h>

#include "contract/store_contract.hpp"

namespace coatcheck::contract {
namespace {

class local_place : public store_place {
 public:
  std::shared_ptr<store> open() override {
    auto opened = open_store(url_, {&clock_, nullptr, &contract_keys()});
    if (!opened) throw std::runtime_error(opened.error().message);
    return *std::move(opened);
  }
  void run_until(const bool& done) override { EXPECT_TRUE(done) << "a synchronous store completes inside the call"; }
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  std::string url_;
  manual_clock clock_;
};

class memory_place final : public local_place {
 public:
  explicit memory_place(const std::string& layers = {}) {
    static std::atomic<int> count{0};
    url_ = layers + "memory:contract-" + std::to_string(++count);
  }
};

class file_place final : public local_place {
 public:
  file_place(const std::filesystem::path& where, const std::string& parameters, const std::string& layers = {}) {
    std::string name = (where / "coatcheck-contract-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    url_ = layers + "file:" + name + "/sessions" + parameters;
  }
  ~file_place() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

 private:
  std::string directory_;
};

const bool memory_registered = register_store({"memory", [] { return std::make_unique<memory_place>(); }});
// Tens of thousands of fsyncs take minutes on a disk: the code under test is the same on a file system in memory.
std::filesystem::path fast_directory() {
  const std::filesystem::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

const bool file_registered =
    register_store({"lmdb", [] {
                      return std::make_unique<file_place>(std::filesystem::temp_directory_path(), "?map_size=67108864");
                    }});
const bool disk_registered = register_store(
    {"lmdbDisk", [] { return std::make_unique<file_place>(fast_directory(), "?map_size=67108864&durability=disk"); }});
const bool encrypted_memory_registered =
    register_store({"encryptedMemory", [] { return std::make_unique<memory_place>("encrypted:"); }});
const bool encrypted_file_registered =
    register_store({"encryptedLmdb",
                    [] { return std::make_unique<file_place>(fast_directory(), "?map_size=67108864", "encrypted:"); }});

}  // namespace
}  // namespace coatcheck::contract
