// Sessions of other packages, adopted: found, stored here, ended there.
#include <gtest/gtest.h>

#include "coatcheck/engine.hpp"
#include "coatcheck/peers.hpp"

namespace coatcheck {
namespace {

constexpr epoch_ms start = 1'700'000'000'000;
const std::vector<std::string> secrets{"a secret for the tests, 32 bytes or more"};

// A store of records that a test fills by hand.
class records final : public store {
 public:
  std::map<std::string, std::string> held{};
  bool silent = false;

  [[nodiscard]] store_capabilities capabilities() const noexcept override { return {}; }
  void get(std::string_view key, completion<get_result> done) override {
    get_result out;
    if (silent) {
      out.why = {errc::store_unavailable, "silent"};
    } else if (const auto found = held.find(std::string(key)); found != held.end()) {
      out.status = get_status::found;
      out.value.bytes = found->second;
    } else {
      out.status = get_status::absent;
    }
    done(std::move(out));
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    done({held.erase(std::string(key)) > 0 ? remove_status::removed : remove_status::absent, {}});
  }
  void put(std::string_view, std::string_view, epoch_ms, expectation, std::string_view,
           completion<put_result> done) override {
    done({});
  }
  void touch(std::string_view, epoch_ms, completion<touch_result> done) override { done({}); }
  void prune(std::size_t, completion<count_result> done) override { done({}); }
  void stats(completion<stats_result> done) override { done({}); }
  void health(completion<count_result> done) override { done({}); }
  void close() override {}
};

class Adopt : public ::testing::TestWithParam<session_mode> {
 protected:
  void make(std::vector<foreign_source> sources) {
    engine_options options{*key_ring::from_secrets(secrets, "secret"),
                           *open_store("memory:", {&time}),
                           {},
                           {},
                           &time,
                           {},
                           std::move(sources)};
    options.tokens.mode = GetParam();
    auto made = engine::create(std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    on = *std::move(made);
  }
  opened open(std::string_view cookie) {
    return complete<opened>([&](completion<opened> done) { on->open({cookie, secure}, done); });
  }
  committed commit(snapshot base, std::string payload) {
    commit_request request;
    request.base = std::move(base);
    request.payload = std::move(payload);
    request.secure = secure;
    return complete<committed>([&](completion<committed> done) { on->commit(std::move(request), done); });
  }
  destroyed destroy(const snapshot& base) {
    return complete<destroyed>([&](completion<destroyed> done) { on->destroy(base, secure, done); });
  }
  static std::string flask(std::string_view payload, epoch_ms at = start) {
    return "session=" + peer_cookie::create(peer_cookie_format::flask, secrets)->encode(payload, at);
  }
  static std::string pair_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }

  manual_clock time{start};
  bool secure = true;
  std::shared_ptr<engine> on;
};

INSTANTIATE_TEST_SUITE_P(Modes, Adopt, ::testing::Values(session_mode::store, session_mode::jwt_signed));

TEST_P(Adopt, ASessionInItsCookieIsStoredHereAndItsCookieCleared) {
  make({{.format = "flask", .secrets = secrets}});
  const auto before = flask("{\"user\":1}");
  const auto got = open(before);
  ASSERT_EQ(got.status, open_status::adopted);
  EXPECT_EQ(got.session.payload, "{\"user\":1}");
  EXPECT_TRUE(got.session.id.empty());
  const auto stored = commit(got.session, got.session.payload);
  ASSERT_EQ(stored.status, commit_status::stored) << stored.why.message;
  EXPECT_FALSE(stored.session.from);
  ASSERT_EQ(stored.clearing.size(), 1U);
  EXPECT_TRUE(stored.clearing[0].starts_with("session=; Path=/; Expires=Thu, 01 Jan 1970")) << stored.clearing[0];
  const auto ours = pair_of(stored.set_cookie);
  EXPECT_EQ(open(ours).status, open_status::found);
  // Ours counts, whatever else the browser still sends.
  EXPECT_EQ(open(before + "; " + ours).status, open_status::found);
}

TEST_P(Adopt, ALogoutClearsBothCookies) {
  make({{.format = "flask", .secrets = secrets}});
  const auto got = open(flask("{\"user\":1}"));
  const auto ended = destroy(got.session);
  EXPECT_NE(ended.status, remove_status::unknown);
  EXPECT_TRUE(ended.set_cookie.starts_with("__Host-session=; ")) << ended.set_cookie;
  EXPECT_EQ(std::count_if(ended.clearing.begin(), ended.clearing.end(),
                          [](const auto& line) { return line.starts_with("session=; "); }),
            1);
  const auto stored = commit(open(flask("{\"user\":1}")).session, "{\"user\":1}");
  const auto again = destroy(stored.session);
  EXPECT_EQ(again.status, remove_status::removed);
  EXPECT_FALSE(again.clearing.empty()) << "the browser may still have it";
}

TEST_P(Adopt, WhatIsNoSessionOfTheirsIsFresh) {
  make({{.format = "flask", .secrets = secrets, .max_age = 60'000}});
  const std::vector<std::string> cookies{
      "",
      "session=",
      "session=a.b.c",
      "other=" + flask("{\"user\":1}").substr(8),
      flask("{\"user\":1}", start - 61'000),
      flask("[1]"),
      flask("{}"),
      flask("{\"a\":1,}"),
      flask("{\"a\":NaN}"),
      flask("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"),
      "session=" + peer_cookie::create(peer_cookie_format::flask, std::vector<std::string>{"other"})
                       ->encode("{\"user\":1}", start),
  };
  for (const auto& cookie : cookies) {
    const auto got = open(cookie);
    EXPECT_EQ(got.status, open_status::fresh) << cookie;
    EXPECT_EQ(got.session.payload, "{}") << cookie;
  }
}

TEST_P(Adopt, WhatIsSignedAndCantBeReadIsNamed) {
  make({{.format = "flask", .secrets = secrets}});
  for (const std::string text : {"[1]", "{\"a\":NaN}", "{\"a\":1180591620717411303424}", "{"}) {
    EXPECT_EQ(open(flask(text)).reason, fresh_reason::foreign) << text;
  }
  EXPECT_EQ(open(flask("{}")).reason, fresh_reason::no_cookie) << "nothing was in it";
}

TEST_P(Adopt, ARecordIsEndedThereOnceItIsHere) {
  const auto theirs = std::make_shared<records>();
  const std::string id(43, 'a');
  for (const bool keep : {false, true}) {
    theirs->held[id] = "\x82\xaa_permanent\xc3\xa7user_id\x2a";  // as Flask-Session wrote it
    make({{.format = "flask-session", .where = theirs, .keep = keep}});
    const auto got = open("session=" + id);
    ASSERT_EQ(got.status, open_status::adopted);
    EXPECT_EQ(got.session.payload, "{\"_permanent\":true,\"user_id\":42}");
    EXPECT_EQ(theirs->held.size(), 1U) << "as long as it is nowhere else";
    ASSERT_EQ(commit(got.session, got.session.payload).status, commit_status::stored);
    EXPECT_EQ(theirs->held.size(), keep ? 1U : 0U);
  }
  make({{.format = "flask-session", .where = theirs}});
  static_cast<void>(destroy(open("session=" + id).session));
  EXPECT_TRUE(theirs->held.empty()) << "a logout, too";
}

TEST_P(Adopt, ARefusedCommitLeavesItThere) {
  const auto theirs = std::make_shared<records>();
  const std::string id(43, 'a');
  theirs->held[id] = "{\"a\":1}";
  make({{.format = "flask-session", .where = theirs}});
  const auto got = open("session=" + id);
  const auto refused = commit(got.session, "no JSON");
  EXPECT_EQ(refused.status, commit_status::refused);
  EXPECT_EQ(theirs->held.size(), 1U);
  ASSERT_TRUE(refused.session.from);
  EXPECT_EQ(commit(refused.session, "{\"a\":2}").status, commit_status::stored);
  EXPECT_TRUE(theirs->held.empty());
}

TEST_P(Adopt, AStoreThatDoesNotAnswerIsNotAnAbsentSession) {
  const auto theirs = std::make_shared<records>();
  theirs->silent = true;
  make({{.format = "flask-session", .where = theirs}});
  EXPECT_EQ(open("session=" + std::string(43, 'a')).status, open_status::unknown);
  EXPECT_EQ(open("session=short").status, open_status::fresh) << "no id, so nobody is asked";
}

TEST_P(Adopt, ARecordThatCantBeReadIsNamed) {
  const auto theirs = std::make_shared<records>();
  const std::string id(43, 'a');
  make({{.format = "flask-session", .where = theirs}});
  const std::vector<std::string> hostile{
      "",
      "\x80\x04\x95",                          // a pickle
      std::string(2'000, '\x91') + '\xc0',     // arrays in arrays
      std::string("\xdf\xff\xff\xff\xff", 5),  // a map of four thousand million members
      "\x81\xa1"
      "a\xd4\x07\x00",     // an extension that nobody knows
      "\x81\xa1\xff\xc0",  // a name that is no UTF-8
      "\x81\xa1"
      "a\xc0\xc0",     // something after it
      "\x81\x01\xc0",  // a number for a name
      "{\"a\":",
      "[1]",
  };
  for (const auto& bytes : hostile) {
    theirs->held[id] = bytes;
    const auto got = open("session=" + id);
    EXPECT_EQ(got.status, open_status::fresh);
    EXPECT_EQ(got.reason, fresh_reason::foreign) << testing::PrintToString(bytes);
    EXPECT_EQ(theirs->held.size(), 1U) << "for whoever is to find out what happened";
  }
}

TEST_P(Adopt, SourcesAreAskedInTheirOrder) {
  const auto theirs = std::make_shared<records>();
  const std::string id(43, 'a');
  theirs->held[id] = "{\"from\":\"record\"}";
  make({{.format = "flask", .secrets = secrets}, {.format = "flask-session", .where = theirs}});
  EXPECT_EQ(open("session=" + id).session.payload, "{\"from\":\"record\"}");
  EXPECT_EQ(open("session=" + id + "; " + flask("{\"from\":\"cookie\"}")).session.payload, "{\"from\":\"cookie\"}");
}

TEST_P(Adopt, TagsStandForWhatJsonHasNoWordFor) {
  const auto theirs = std::make_shared<records>();
  const std::string id(43, 'a');
  theirs->held[id] = std::string(
      "\x82\xa1"
      "b\xc4\x02\x00\xff\xa1"
      "d\xd6\xff\x65\x53\xf1\x00",
      15);
  make({{.format = "flask-session", .where = theirs}});
  EXPECT_EQ(open("session=" + id).session.payload,
            "{\"b\":{\" b\":\"AP8=\"},\"d\":{\" d\":\"Tue, 14 Nov 2023 22:13:20 GMT\"}}");
}

TEST_P(Adopt, OtherPackagesRecords) {
  const auto theirs = std::make_shared<records>();
  const std::string id(32, 'b');
  const auto keys = *key_ring::from_secrets(secrets, "secret");
  theirs->held[id] = "{\"cookie\":{\"originalMaxAge\":null},\"user\":1,\"__metadata__\":{}}";
  make({{.format = "express-session", .secrets = secrets, .where = theirs, .keep = true},
        {.format = "starsessions", .where = theirs}});
  EXPECT_EQ(open("connect.sid=" + *keys.sign_express(id, start)).session.payload, "{\"user\":1,\"__metadata__\":{}}");
  EXPECT_EQ(open("connect.sid=" + id).status, open_status::fresh) << "not signed";
  EXPECT_EQ(open("session=" + id).session.payload, "{\"cookie\":{\"originalMaxAge\":null},\"user\":1}");
}

TEST_P(Adopt, PackingKeepsWhereItWas) {
  make({{.format = "flask", .secrets = secrets}});
  const auto got = open(flask("{\"user\":1}"));
  const auto back = snapshot::unpack(got.session.pack(), got.session.payload);
  ASSERT_TRUE(back);
  ASSERT_TRUE(back->from);
  EXPECT_EQ(commit(*back, "{\"user\":1}").clearing.size(), 1U);
}

TEST(AdoptOptions, AreChecked) {
  const auto theirs = std::make_shared<records>();
  manual_clock time{start};
  const auto why = [&](foreign_source source) {
    engine_options options{*key_ring::from_secrets(secrets, "secret"),
                           *open_store("memory:", {&time}),
                           {},
                           {},
                           &time,
                           {},
                           {std::move(source)}};
    const auto made = engine::create(std::move(options));
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(why({.format = "nobody's", .secrets = secrets}).substr(0, 36), "migrate_from: format must be one of ");
  EXPECT_EQ(why({.format = "flask"}), "migrate_from: \"flask\" needs the secrets of its cookies");
  EXPECT_EQ(why({.format = "flask-session"}), "migrate_from: \"flask-session\" needs a url");
  EXPECT_EQ(why({.format = "flask", .secrets = secrets, .where = theirs}),
            "migrate_from: \"flask\" is in its cookie: it has no url");
  EXPECT_EQ(why({.format = "flask", .secrets = secrets}), "");
}

}  // namespace
}  // namespace coatcheck
