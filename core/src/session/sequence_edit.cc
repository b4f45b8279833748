// Aligns two sequences of value ids; see the header for how.
#include "session/sequence_edit.hpp"

#include <algorithm>
#include <utility>

namespace coatcheck::session {
namespace {

using ids = std::span<const value_id>;
constexpr std::uint32_t unmatched = UINT32_MAX;
constexpr std::size_t max_distance = 128;  // of a shortest edit: its trace takes the square of it

// Fills `match` (for each of the base, its place in `now`) for the stretch [b0, b1) against [n0, n1).
class aligner {
 public:
  aligner(ids base, ids now, std::vector<std::uint32_t>& match, std::size_t& steps)
      : base_(base), now_(now), match_(match), steps_(steps) {}

  void run() {
    std::size_t b0 = 0, b1 = base_.size(), n0 = 0, n1 = now_.size();
    trim(b0, b1, n0, n1);
    if (b0 == b1 || n0 == n1) return;
    if (!shortest(b0, b1, n0, n1)) patience(b0, b1, n0, n1);
  }

 private:
  void pair(std::size_t b, std::size_t n) { match_[b] = static_cast<std::uint32_t>(n); }

  void trim(std::size_t& b0, std::size_t& b1, std::size_t& n0, std::size_t& n1) {
    while (b0 < b1 && n0 < n1 && base_[b0] == now_[n0]) pair(b0++, n0++);
    while (b0 < b1 && n0 < n1 && base_[b1 - 1] == now_[n1 - 1]) pair(--b1, --n1);
  }

  // Myers' greedy algorithm, forwards, with the furthest points of each distance kept to walk back on.
  bool shortest(std::size_t b0, std::size_t b1, std::size_t n0, std::size_t n1) {
    const auto rows = static_cast<std::ptrdiff_t>(b1 - b0);
    const auto columns = static_cast<std::ptrdiff_t>(n1 - n0);
    const auto limit = static_cast<std::ptrdiff_t>(std::min<std::size_t>(max_distance, b1 - b0 + (n1 - n0)));
    std::vector<std::vector<std::ptrdiff_t>> trace;
    std::vector<std::ptrdiff_t> furthest(static_cast<std::size_t>(2 * limit + 3), 0);
    const auto at = [limit](std::ptrdiff_t diagonal) { return static_cast<std::size_t>(diagonal + limit + 1); };
    for (std::ptrdiff_t distance = 0; distance <= limit; ++distance) {
      // Only the diagonals within reach matter to the way back.
      trace.emplace_back(furthest.begin() + static_cast<std::ptrdiff_t>(at(-distance)) - 1,
                         furthest.begin() + static_cast<std::ptrdiff_t>(at(distance)) + 2);
      for (std::ptrdiff_t k = -distance; k <= distance; k += 2) {
        const bool down = k == -distance || (k != distance && furthest[at(k - 1)] < furthest[at(k + 1)]);
        auto row = down ? furthest[at(k + 1)] : furthest[at(k - 1)] + 1;
        const auto started = row;
        while (row < rows && row - k < columns && row - k >= 0 &&
               base_[b0 + static_cast<std::size_t>(row)] == now_[n0 + static_cast<std::size_t>(row - k)]) {
          ++row;
        }
        furthest[at(k)] = row;
        const auto spent = static_cast<std::size_t>(row - started) + 1;
        if (spent > steps_) return false;
        steps_ -= spent;
        if (row >= rows && row - k >= columns) {
          walk_back(trace, distance, rows, columns, b0, n0);
          return true;
        }
      }
    }
    return false;
  }

  void walk_back(const std::vector<std::vector<std::ptrdiff_t>>& trace, std::ptrdiff_t distance, std::ptrdiff_t row,
                 std::ptrdiff_t column, std::size_t b0, std::size_t n0) {
    for (; distance >= 0; --distance) {
      const auto& furthest = trace[static_cast<std::size_t>(distance)];
      const auto at = [distance](std::ptrdiff_t diagonal) { return static_cast<std::size_t>(diagonal + distance + 1); };
      const auto k = row - column;
      const bool down = k == -distance || (k != distance && furthest[at(k - 1)] < furthest[at(k + 1)]);
      const auto from = down ? k + 1 : k - 1;
      const auto row_before = distance == 0 ? 0 : furthest[at(from)];
      const auto column_before = distance == 0 ? 0 : row_before - from;
      while (row > row_before && column > column_before) {
        --row;
        --column;
        pair(b0 + static_cast<std::size_t>(row), n0 + static_cast<std::size_t>(column));
      }
      row = row_before;
      column = column_before;
    }
  }

  // Values that occur once in both stretches, in the longest run that has one order in both.
  void patience(std::size_t b0, std::size_t b1, std::size_t n0, std::size_t n1) {
    const auto once = [](ids from, std::size_t first, std::size_t last) {
      std::vector<std::pair<value_id, std::size_t>> found;
      for (std::size_t i = first; i < last; ++i) found.emplace_back(from[i], i);
      std::sort(found.begin(), found.end());
      std::size_t kept = 0;
      for (std::size_t i = 0; i < found.size();) {
        std::size_t next = i + 1;
        while (next < found.size() && found[next].first == found[i].first) ++next;
        if (next == i + 1) found[kept++] = found[i];
        i = next;
      }
      found.resize(kept);
      return found;
    };
    const auto in_base = once(base_, b0, b1);
    const auto in_now = once(now_, n0, n1);
    std::vector<std::pair<std::size_t, std::size_t>> both;  // places in base and now
    for (auto b = in_base.begin(), n = in_now.begin(); b != in_base.end() && n != in_now.end();) {
      if (b->first < n->first) {
        ++b;
      } else if (n->first < b->first) {
        ++n;
      } else {
        both.emplace_back((b++)->second, (n++)->second);
      }
    }
    std::sort(both.begin(), both.end());
    std::size_t b = b0, n = n0;
    for (const auto at : longest_rising(both)) {
      auto [b_end, n_end] = both[at];
      pair(b_end, n_end);
      const auto b_next = b_end + 1, n_next = n_end + 1;
      trim(b, b_end, n, n_end);
      b = b_next;
      n = n_next;
    }
    trim(b, b1, n, n1);
  }

  static std::vector<std::size_t> longest_rising(const std::vector<std::pair<std::size_t, std::size_t>>& both) {
    std::vector<std::size_t> last;  // for each length, the place of the smallest last one
    std::vector<std::size_t> before(both.size());
    for (std::size_t i = 0; i < both.size(); ++i) {
      const auto at = std::lower_bound(last.begin(), last.end(), both[i].second,
                                       [&](std::size_t one, std::size_t wanted) { return both[one].second < wanted; });
      before[i] = at == last.begin() ? both.size() : *(at - 1);
      if (at == last.end()) {
        last.push_back(i);
      } else {
        *at = i;
      }
    }
    std::vector<std::size_t> run;
    for (std::size_t i = last.empty() ? both.size() : last.back(); i < both.size(); i = before[i]) run.push_back(i);
    std::reverse(run.begin(), run.end());
    return run;
  }

  ids base_;
  ids now_;
  std::vector<std::uint32_t>& match_;
  std::size_t& steps_;
};

}  // namespace

sequence_edit edit_of(ids base, ids now, std::size_t& steps) {
  std::vector<std::uint32_t> match(base.size(), unmatched);
  aligner(base, now, match, steps).run();

  sequence_edit edit;
  edit.element.assign(base.size(), no_value);
  edit.inserted.resize(base.size() + 1);
  std::size_t b = 0;
  std::size_t n = 0;
  // Between two matches: as many as both have are changes, one by one; what is over was removed or inserted.
  const auto stretch = [&](std::size_t b_end, std::size_t n_end) {
    while (b < b_end && n < n_end) edit.element[b++] = now[n++];
    edit.inserted[b] = {static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n_end - n)};
    b = b_end;
    n = n_end;
  };
  for (std::size_t i = 0; i < base.size(); ++i) {
    if (match[i] == unmatched) continue;
    stretch(i, match[i]);
    edit.element[b++] = now[n++];
  }
  stretch(base.size(), now.size());
  return edit;
}

}  // namespace coatcheck::session
