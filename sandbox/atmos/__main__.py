from sandbox.atmos.http import main

main()
