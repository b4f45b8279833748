// TLS to a real Redis: who is believed and who is not, with the sentence that an operator reads; and what a connection
// does over its life.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/x509.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "support/certificates.hpp"
#include "support/redis_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::certificate_files;
using coatcheck_test::certificates;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;

const std::string patient = "?timeout=30000";

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  std::unique_ptr<redis_server> serve(const certificates::wish& wanted = {}, bool wants_certificate = false,
                                      const std::string& versions = "TLSv1.2 TLSv1.3",
                                      std::vector<std::string> more = {}) {
    const auto own = papers_.issue("server", wanted);
    return std::make_unique<redis_server>(
        std::move(more), redis_server::tls_port{own.cert, own.key, papers_.authority(), wants_certificate, versions});
  }
  std::string trusted() const { return patient + "&ca=" + papers_.authority(); }
  // What an operation on that URL says.
  static std::string refusal(const std::string& url) {
    redis_client client(url);
    if (client.sessions == nullptr) return {};
    const steady_ms since = steady_now();
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::store_unavailable);
    EXPECT_LT(steady_now() - since, 20'000) << "an answer that lasts need not wait for the deadline";
    return got.why.message;
  }
  static std::string not_opened(const std::string& parameters) {
    event_loop loop;
    auto opened = open_store("rediss://localhost" + parameters, {nullptr, &loop});
    EXPECT_FALSE(opened);
    if (opened) {
      (*opened)->close();
      return {};
    }
    EXPECT_EQ(opened.error().code, errc::invalid_url);
    return opened.error().message;
  }
  certificates papers_;
};

#define EXPECT_SAYS(message, part)                                        \
  do {                                                                    \
    const std::string said = (message);                                   \
    EXPECT_NE(said.find(part), std::string::npos) << "it says: " << said; \
  } while (false)

TEST_F(Tls, ByNameAndByAddress) {
  const auto server = serve();
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    redis_client client(server->url(host) + trusted());
    ASSERT_EQ(client.put("key", host).status, put_status::stored);
    EXPECT_EQ(client.get("key").value.bytes, host);
  }
}

TEST_F(Tls, OldestAndNewestVersion) {
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    const auto server = serve({}, false, version);
    redis_client client(server->url() + trusted());
    EXPECT_EQ(client.put("key", version).status, put_status::stored) << version;
  }
}

TEST_F(Tls, NoVersionInCommon) {
  const auto server = serve({}, false, "TLSv1.1");
  EXPECT_SAYS(refusal(server->url() + trusted()), "no version of TLS in common");
}

TEST_F(Tls, ExpiredAndNotYetValid) {
  EXPECT_SAYS(refusal(serve({.from = -7200, .until = -3600})->url() + trusted()), "has expired");
  EXPECT_SAYS(refusal(serve({.from = 3600, .until = 7200})->url() + trusted()), "not valid yet");
}

TEST_F(Tls, SelfSigned) {
  const auto server = serve({.self_signed = true});
  EXPECT_SAYS(refusal(server->url() + trusted()), "self-signed");
  // Named as what is trusted it is.
  redis_client client(server->url() + patient + "&ca=" + papers_.directory() + "/server.pem");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
}

TEST_F(Tls, AuthorityThatIsNotTrusted) {
  const auto server = serve();
  const certificates others;
  EXPECT_SAYS(refusal(server->url() + patient + "&ca=" + others.authority()), "an authority that is not trusted");
  EXPECT_SAYS(refusal(server->url() + patient), "an authority that is not trusted");  // the system's
}

TEST_F(Tls, CertificateOfAnotherName) {
  const auto server = serve({.names = "DNS:other.example,IP:127.0.0.2"});
  EXPECT_SAYS(refusal(server->url("localhost") + trusted()), "for another name than localhost");
  EXPECT_SAYS(refusal(server->url("127.0.0.1") + trusted()), "for another name than 127.0.0.1");
  redis_client by_name(server->url() + trusted() + "&server_name=other.example");
  EXPECT_EQ(by_name.put("key", "value").status, put_status::stored);
  redis_client by_address(server->url() + trusted() + "&server_name=127.0.0.2");
  EXPECT_EQ(by_address.get("key").value.bytes, "value");
}

TEST_F(Tls, UnverifiedOnlyWhenSaidSo) {
  const auto server = serve({.names = "DNS:other.example", .until = -1, .self_signed = true});
  redis_client client(server->url() + patient + "&tls_insecure=1");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
}

// As PEM text in the URL: what a secret manager hands over, and no file.
TEST_F(Tls, TextInPlaceOfFiles) {
  const auto text_of = [](const std::string& path) {
    std::ifstream from(path);
    std::string out;
    for (char c = 0; from.get(c);) {
      constexpr char digits[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
    return out;
  };
  const auto server = serve({}, true);
  const auto own = papers_.issue("client", {});
  const std::string trust = patient + "&ca=" + text_of(papers_.authority());
  redis_client client(server->url() + trust + "&cert=" + text_of(own.cert) + "&key=" + text_of(own.key));
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  redis_client both(server->url() + trust + "&cert=" + text_of(own.cert) + text_of(own.key));
  EXPECT_EQ(both.get("key").value.bytes, "value") << "the key beside the certificate";

  const auto locked = papers_.issue("locked", {.password = "opens"});
  redis_client opened(server->url() + trust + "&cert=" + text_of(locked.cert) + "&key=" + text_of(locked.key) +
                      "&key_password=opens");
  EXPECT_EQ(opened.get("key").value.bytes, "value");
  EXPECT_SAYS(not_opened("?cert=" + text_of(locked.cert) + "&key=" + text_of(locked.key)), "the key is encrypted");
  EXPECT_SAYS(not_opened("?cert=" + text_of(own.cert) + "&key=" + text_of(locked.key) + "&key_password=opens"),
              "it is not the key of the certificate");
  EXPECT_SAYS(not_opened("?ca=" + text_of(own.key)), "a certificate in the text cannot be read");
  EXPECT_SAYS(not_opened("?ca=-----BEGIN%20CERTIFICATE-----%0AAAAA"), "a certificate in the text cannot be read");
}

TEST_F(Tls, ServerThatWantsACertificate) {
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    const auto server = serve({}, true, version);
    EXPECT_SAYS(refusal(server->url() + trusted()), "wants a client certificate");

    const auto client_own = papers_.issue("client", {});
    redis_client client(server->url() + trusted() + "&cert=" + client_own.cert + "&key=" + client_own.key);
    EXPECT_EQ(client.put("key", "value").status, put_status::stored) << version;

    const auto expired = papers_.issue("old", {.from = -7200, .until = -3600});
    EXPECT_SAYS(refusal(server->url() + trusted() + "&cert=" + expired.cert + "&key=" + expired.key),
                "refuses the client certificate (cert=): it has expired");
    certificates others;
    const auto foreign = others.issue("foreign", {});
    EXPECT_SAYS(refusal(server->url() + trusted() + "&cert=" + foreign.cert + "&key=" + foreign.key),
                "refuses the client certificate (cert=): it does not know who signed it");
  }
}

TEST_F(Tls, EncryptedKey) {
  const auto server = serve({}, true);
  const auto locked = papers_.issue("locked", {.password = "open sesame"});
  const std::string files = trusted() + "&cert=" + locked.cert + "&key=" + locked.key;
  EXPECT_SAYS(not_opened(files), "key: the key is encrypted: give its password as key_password");
  EXPECT_SAYS(not_opened(files + "&key_password=wrong"), "key: key_password does not open the key");
  redis_client client(server->url() + files + "&key_password=open%20sesame");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
}

TEST_F(Tls, FilesThatDoNotFitAreToldAtOpening) {
  const auto one = papers_.issue("one", {});
  const auto two = papers_.issue("two", {});
  const std::string empty = papers_.directory() + "/empty";
  std::ofstream(empty).flush();
  EXPECT_SAYS(not_opened("?ca=/nowhere.pem"), "ca: No such file");
  EXPECT_SAYS(not_opened("?ca=" + papers_.directory()), "ca: it is no file");
  EXPECT_SAYS(not_opened("?ca=" + empty), "ca: there is no certificate in the file");
  EXPECT_SAYS(not_opened("?ca_dir=/nowhere"), "ca_dir: No such file");
  EXPECT_SAYS(not_opened("?ca_dir=" + papers_.directory()), "no certificate in it has a hashed name");
  EXPECT_SAYS(not_opened("?cert=" + one.cert), "key: there is no private key in the file of cert");
  EXPECT_SAYS(not_opened("?key=" + one.key), "key: a key without its certificate");
  EXPECT_SAYS(not_opened("?cert=" + one.cert + "&key=" + two.key), "it is not the key of the certificate in cert");
  EXPECT_SAYS(not_opened("?cert=" + empty + "&key=" + one.key), "cert: the file does not begin with a certificate");
  EXPECT_SAYS(not_opened("?cert=" + one.cert + "&key=" + empty), "key: there is no private key in the file");
  EXPECT_SAYS(not_opened("?ca="), "ca is empty");
  EXPECT_SAYS(not_opened("?tls_insecure=yes"), "tls_insecure=1 is all there is");
  EXPECT_SAYS(not_opened("?tls_insecure=1&ca=" + papers_.authority()), "verify the server, or do not");
  EXPECT_SAYS(not_opened("?server_name=a%20b"), "server_name must be a host name or an address");
  // Without TLS these words mean nothing, and so are refused.
  event_loop loop;
  const auto plain = open_store("redis://localhost?ca=/x", {nullptr, &loop});
  ASSERT_FALSE(plain);
  EXPECT_SAYS(plain.error().message, "unknown parameter 'ca'");
}

TEST_F(Tls, DirectoryOfAuthorities) {
  const auto server = serve();
  const std::string directory = papers_.directory() + "/trusted";
  std::filesystem::create_directory(directory);
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(papers_.authority().c_str(), "r"), std::fclose);
  std::unique_ptr<X509, void (*)(X509*)> authority(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
  char name[16];
  std::snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(authority.get()));
  std::filesystem::copy_file(papers_.authority(), directory + "/" + name);
  redis_client client(server->url() + patient + "&ca_dir=" + directory);
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
}

// What a service inside a company does: the authority is in the environment.
TEST_F(Tls, AuthorityInTheEnvironment) {
  const auto server = serve();
  ::setenv("SSL_CERT_FILE", papers_.authority().c_str(), 1);
  {
    redis_client client(server->url() + patient);
    EXPECT_EQ(client.put("key", "value").status, put_status::stored);
  }
  ::unsetenv("SSL_CERT_FILE");
}

// The two wrong ports.
TEST_F(Tls, PlainServerAndPlainClient) {
  redis_server plain;
  // It waits for the end of what it takes for a line, or says that it knows no such command.
  redis_client hopeful("rediss://127.0.0.1:" + std::to_string(plain.port()) + "?timeout=300");
  EXPECT_SAYS(hopeful.get("key").why.message, "is it the port for");
  const auto server = serve();
  redis_client client("redis://127.0.0.1:" + std::to_string(server->port()) + "?timeout=300");
  EXPECT_EQ(client.get("key").status, get_status::unknown);
}

TEST_F(Tls, BigValuesAndManySmallOnes) {
  const auto server = serve();
  redis_client client(server->url() + "?timeout=20000&ca=" + papers_.authority());
  std::string big(std::size_t{1} << 20, ' ');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i * 7 % 26);
  ASSERT_EQ(client.put("big", big).status, put_status::stored);
  EXPECT_EQ(client.get("big").value.bytes, big);

  constexpr std::size_t many = 5000;
  ASSERT_EQ(client.put("small", "value").status, put_status::stored);
  struct tally {
    std::size_t ended = 0;
    std::size_t right = 0;
    bool all = false;
  } count;
  for (std::size_t i = 0; i < many; ++i) {
    client.sessions->get("small", completion<get_result>(
                                      [](void* context, get_result&& got) {
                                        auto& self = *static_cast<tally*>(context);
                                        self.right += got.value.bytes == "value" ? 1 : 0;
                                        self.all = ++self.ended == many;
                                      },
                                      &count));
  }
  EXPECT_TRUE(client.loop.run_until(count.all));
  EXPECT_EQ(count.right, many);
}

TEST_F(Tls, LostConnectionComesBack) {
  const auto server = serve();
  redis_client client(server->url() + trusted());
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(server->command({"CLIENT", "KILL", "TYPE", "normal"}).empty(), false);
    EXPECT_EQ(client.get("key").value.bytes, "value");
  }
}

// The child drops the connection without a byte on it, and makes one of its own; the parent goes on with it.
TEST_F(Tls, Fork) {
  const auto server = serve();
  redis_client client(server->url() + trusted());
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  const auto connections = [&] {
    const std::string stats = server->command({"INFO", "stats"});
    return std::stoi(stats.substr(stats.find("total_connections_received:") + 27));
  };
  const int before = connections();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool good = client.get("key").value.bytes == "value";
    client.sessions->close();
    ::_exit(good ? 0 : 1);
  }
  int how = 0;
  ASSERT_EQ(::waitpid(child, &how, 0), child);
  EXPECT_EQ(WEXITSTATUS(how), 0);
  EXPECT_EQ(client.get("key").value.bytes, "value");
  EXPECT_EQ(connections() - before, 2) << "the child's, and the one that asks";
}

TEST_F(Tls, CertificateThatIsRenewedWhileTheServiceRuns) {
  const auto server = serve({}, true);
  const auto own = papers_.issue("client", {.from = -7200, .until = -3600});
  redis_client client(server->url() + trusted() + "&cert=" + own.cert + "&key=" + own.key);
  EXPECT_EQ(client.get("key").status, get_status::unknown);
  (void)papers_.issue("client", {});  // the same files
  const steady_ms until = steady_now() + 5000;
  bool works = false;
  while (!works && steady_now() < until) works = client.get("key").status == get_status::absent;
  EXPECT_TRUE(works);
}

TEST_F(Tls, PasswordThatRotates) {
  const std::string path = papers_.directory() + "/password";
  std::ofstream(path) << "first\n";
  const auto server = serve({}, false, "TLSv1.2 TLSv1.3", {"--requirepass", "first"});
  redis_client client(server->url() + trusted() + "&password_file=" + path);
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  std::ofstream(path) << "second\n";
  {
    std::unique_ptr<redisContext, void (*)(redisContext*)> admin(redisConnectUnix(server->socket().c_str()), redisFree);
    for (const char* line : {"AUTH first", "CONFIG SET requirepass second", "AUTH second", "CLIENT KILL TYPE normal"}) {
      freeReplyObject(redisCommand(admin.get(), line));
    }
  }
  EXPECT_EQ(client.get("key").value.bytes, "value");
  // Gone at a later connection: the operation says so, and does not go on without a password.
  std::filesystem::remove(path);
  server->restart();
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_SAYS(got.why.message, "the password_file for Redis: No such file");
}

TEST_F(Tls, PasswordFileThatDoesNotFit) {
  const std::string path = papers_.directory() + "/password";
  std::ofstream(path).flush();
  EXPECT_SAYS(not_opened("?password_file=" + path), "password_file: the file is empty");
  EXPECT_SAYS(not_opened("?password_file=/nowhere"), "password_file: No such file");
  EXPECT_SAYS(not_opened("?password_file=" + papers_.directory()), "password_file: it is no file");
  EXPECT_SAYS(not_opened("?password=x&password_file=" + path), "password_file is given beside a password");
}

}  // namespace
}  // namespace coatcheck
