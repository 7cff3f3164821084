/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/languages/sessions_python.c - a Python extension: a type, a counted reference too many, a buffer too short. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
/* clang-format off */
typedef struct {
	PyObject_HEAD
	PyObject *name;
	int *scores;
	Py_ssize_t nr_scores;
} Session;

static PyObject *session_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	Session *s = (Session *)type->tp_alloc(type, 0); /* ALLOC leak */
	PyObject *name;

	(void)keywords;
	if (!s || !PyArg_ParseTuple(args, "O", &name))
		return NULL;
	Py_INCREF(name);
	s->name = name;
	s->nr_scores = 8;
	s->scores = PyMem_Malloc(8 * sizeof(*s->scores)); /* ALLOC overflow use-after-free */
	memset(s->scores, 0, 8 * sizeof(*s->scores));
	return (PyObject *)s;
}

static void session_dealloc(Session *s)
{
	Py_XDECREF(s->name);
	PyMem_Free(s->scores);
	Py_TYPE(s)->tp_free((PyObject *)s);
}

static PyObject *session_fill(Session *s, PyObject *ignored)
{
	(void)ignored;
	for (Py_ssize_t i = 0; i <= s->nr_scores; i++)
		s->scores[i] = 7; /* BAD overflow */
	Py_RETURN_NONE;
}

static PyObject *session_close(Session *s, PyObject *ignored)
{
	(void)ignored;
	PyMem_Free(s->scores); /* FREE use-after-free */
	Py_RETURN_NONE;
}

static PyObject *session_best(Session *s, PyObject *ignored)
{
	(void)ignored;
	return PyLong_FromLong(s->scores[0]); /* BAD use-after-free */
}

static PyObject *session_keep(Session *s, PyObject *ignored)
{
	(void)ignored;
	Py_INCREF(s); /* nobody gives this reference back */
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "fill", (PyCFunction)(void *)session_fill, METH_NOARGS, NULL },
	{ "close", (PyCFunction)(void *)session_close, METH_NOARGS, NULL },
	{ "best", (PyCFunction)(void *)session_best, METH_NOARGS, NULL },
	{ "keep", (PyCFunction)(void *)session_keep, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static PyTypeObject session_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "sessions.Session",
	.tp_basicsize = sizeof(Session),
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_new = session_new,
	.tp_dealloc = (destructor)session_dealloc,
	.tp_methods = methods,
};

static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, .m_name = "sessions", .m_size = -1 };

PyMODINIT_FUNC PyInit_sessions(void)
{
	PyObject *m = PyModule_Create(&module);

	if (!m || PyType_Ready(&session_type) < 0)
		return NULL;
	Py_INCREF(&session_type);
	PyModule_AddObject(m, "Session", (PyObject *)&session_type);
	return m;
}
