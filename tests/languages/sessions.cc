// SPDX-License-Identifier: BSD-2-Clause
// tests/languages/sessions.cc - C++: the same with classes, containers and templates.
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>
// clang-format off
namespace app {

template <typename T> class Scores {
    public:
	explicit Scores(size_t n) : values_(new T[n]()), n_(n) {} // ALLOC overflow
	~Scores() { delete[] values_; }
	Scores(const Scores &) = delete;
	Scores &operator=(const Scores &) = delete;
	void fill(const T &value)
	{
		for (size_t i = 0; i <= n_; i++)
			values_[i] = value; // BAD overflow
	}

    private:
	T *values_;
	size_t n_;
};

class Session {
    public:
	explicit Session(std::string name) : name_(std::move(name)), scores_(8) {}
	size_t length() const
	{
		return used_; // BAD use-after-free
	}
	Scores<int> &scores() { return scores_; }

    private:
	std::string name_;
	Scores<int> scores_;
	size_t used_ = 3;
};

class Table {
    public:
	Session *add(const std::string &name)
	{
		auto s = std::make_unique<Session>(name); // ALLOC use-after-free
		Session *raw = s.get();
		sessions_[name] = std::move(s);
		return raw;
	}
	void remove(const std::string &name) { sessions_.erase(name); } // FREE use-after-free

    private:
	std::map<std::string, std::unique_ptr<Session>> sessions_;
};

static size_t measure(const std::vector<const Session *> &all)
{
	size_t total = 0;
	for (const Session *s : all)
		total += s->length();
	return total;
}

static void forget(std::vector<std::string> *list)
{
	list->emplace_back("a name that is too long for a short string");
}

} // namespace app

int main(int argc, char **argv)
{
	std::string bug = argc > 1 ? argv[1] : "";
	app::Table table;
	std::vector<const app::Session *> all = { table.add("ada"), table.add("grace") };

	if (bug == "leak")
		app::forget(new std::vector<std::string>(4)); // ALLOC leak
	if (bug == "overflow")
		table.add("edsger")->scores().fill(7);
	if (bug == "use-after-free")
		table.remove("grace");
	std::printf("%zu\n", app::measure(all));
	return 0;
}
