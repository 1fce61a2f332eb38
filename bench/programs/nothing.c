/* nothing.c - the floor of starting a program: it links nothing and does nothing. */
int main(void) { return 0; }
