// SPDX-License-Identifier: BSD-2-Clause
// tests/languages/sessions_node.cc - a Node add-on (Node-API): an object that JavaScript holds.
#include <cstdlib>
#include <cstring>
#include <node_api.h>
#include <string>
#include <vector>
// clang-format off
namespace addon {

class Session {
    public:
	explicit Session(const std::string &n) : name_(n), scores_(new int[8]()) {} // ALLOC overflow use-after-free
	~Session() { delete[] scores_; }
	void fill()
	{
		for (int i = 0; i <= 8; i++)
			scores_[i] = 7; // BAD overflow
	}
	void close() { delete[] scores_; scores_closed_ = true; } // FREE use-after-free
	int best() const { return scores_[0]; } // BAD use-after-free

    private:
	std::string name_;
	int *scores_;
	bool scores_closed_ = false;
};

static Session *session_of(napi_env env, napi_callback_info info)
{
	size_t argc = 1;
	napi_value argument;
	void *session = nullptr;

	napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
	napi_get_value_external(env, argument, &session);
	return static_cast<Session *>(session);
}

static napi_value Open(napi_env env, napi_callback_info)
{
	auto *session = new Session("ada");
	napi_value value;

	napi_create_external(env, session, [](napi_env, void *p, void *) { delete static_cast<Session *>(p); }, nullptr,
	                     &value);
	return value;
}

static napi_value Fill(napi_env env, napi_callback_info info)
{
	session_of(env, info)->fill();
	return nullptr;
}

static napi_value Close(napi_env env, napi_callback_info info)
{
	session_of(env, info)->close();
	return nullptr;
}

static napi_value Best(napi_env env, napi_callback_info info)
{
	napi_value value;

	napi_create_int32(env, session_of(env, info)->best(), &value);
	return value;
}

static napi_value Forget(napi_env, napi_callback_info)
{
	std::vector<Session *> list(3, nullptr);

	list[1] = new Session("grace"); // ALLOC leak
	return nullptr;
}

static napi_value Init(napi_env env, napi_value exports)
{
	const napi_property_descriptor functions[] = {
		{ "open", nullptr, Open, nullptr, nullptr, nullptr, napi_default, nullptr },
		{ "fill", nullptr, Fill, nullptr, nullptr, nullptr, napi_default, nullptr },
		{ "close", nullptr, Close, nullptr, nullptr, nullptr, napi_default, nullptr },
		{ "best", nullptr, Best, nullptr, nullptr, nullptr, napi_default, nullptr },
		{ "forget", nullptr, Forget, nullptr, nullptr, nullptr, napi_default, nullptr },
	};

	napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
	return exports;
}

} // namespace addon

NAPI_MODULE(sessions, addon::Init)
